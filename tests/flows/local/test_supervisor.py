"""A guarded server never outlives the process that asked for it."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from left_over import left_over, marked, running

SERVER_WITH_A_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', '{sleep}'])"
SLEEP = "import time; time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"

GUARD = [sys.executable, "-m", "flows.local.supervisor", sys.executable, "-c"]
ASKING = """
    import subprocess, sys, time
    guard = [sys.executable, "-m", "flows.local.supervisor", sys.executable, "-c", sys.argv[1]]
    guardian = subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True)
    print("asked", flush=True)
    sys.stdin.readline()  # goes on once the test says so
"""


@pytest.fixture
def guardian():
    """A guardian of a server that sleeps, and the mark of both."""
    mark = marked()
    command = [*GUARD, SLEEP]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, **mark}) as guardian:
        _wait_for(mark, processes=2)
        yield guardian, mark
        guardian.wait(timeout=30)
        assert left_over(mark) == []


@pytest.mark.parametrize("ending", ["normally", signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_the_server_and_its_children_end_with_the_process_that_asked(ending):
    mark = marked()
    asking = _ask(SERVER_WITH_A_CHILD.format(sleep=SLEEP), mark)
    _wait_for(mark, processes=4)  # the asking one, the guardian, the server, its child
    if ending == "normally":
        asking.communicate("go on\n")
    else:
        asking.send_signal(ending)
        asking.communicate()
    assert left_over(mark) == []


def test_the_server_ends_with_a_guardian_that_is_told_to_end(guardian):
    time.sleep(0.5)  # until it listens to the signal
    guardian[0].terminate()


def test_a_server_that_ignores_the_polite_signal_is_killed():
    mark = marked()
    asking = _ask(STUBBORN, mark)
    _wait_for(mark, processes=3)
    time.sleep(0.5)  # until it ignores the signal
    asking.kill()
    asking.communicate()
    assert left_over(mark) == []


def test_a_server_that_works_is_started_again_when_it_dies_and_ends_for_good_with_the_pipe(
    guardian,
):
    guardian, mark = guardian
    guardian.stdin.write(b"it works")
    guardian.stdin.flush()
    for _ in range(3):
        _wait_for(mark, processes=2)
        (server,) = (each for each in running(mark) if each.pid != guardian.pid)
        time.sleep(0.5)
        server.kill()
        server.wait()
    guardian.stdin.close()


def test_the_status_of_a_command_that_ends_by_itself_is_passed_on():
    command = [*GUARD, "raise SystemExit(7)"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as guardian:
        assert guardian.wait(timeout=30) == 7


def _ask(server, mark):
    asking = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(ASKING), server],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **mark},
    )
    assert asking.stdout.readline() == "asked\n"
    return asking


def _wait_for(mark, *, processes):
    deadline = time.monotonic() + 20
    while len(running(mark)) < processes:
        assert time.monotonic() < deadline, f"{len(running(mark))} of {processes} processes"
        time.sleep(0.05)
