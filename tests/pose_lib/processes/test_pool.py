import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from pose_lib.processes.pool import Died, WorkerProcesses


def doubling(memory):
    return lambda number: 2 * number


def writing(memory):
    def write(place):
        memory[place] = 7

    return write


def deadly(memory):
    """End the process at a negative item."""
    return lambda number: number if number >= 0 else os.kill(os.getpid(), signal.SIGKILL)


def slow(memory):
    return lambda number: time.sleep(0.3) or number


def failing(memory):
    return lambda number: 1 / number


def never_made(memory):
    raise LookupError("no such thing")


def ended(memory):
    os._exit(3)


@pytest.fixture
def start():
    started = []

    def start(n, make_job, n_bytes=4096):
        started.append(WorkerProcesses(n, make_job, n_bytes=n_bytes))
        return started[-1]

    yield start
    for workers in started:
        workers.close()


def all_answers(workers):
    answers = []
    while not workers.idle:
        answers += workers.answers(timeout=20.0)
    return answers


def test_every_item_gets_its_answer(start):
    workers = start(2, doubling)
    for first in range(0, 20, 4):
        workers.submit(range(first, first + 4))
    assert sorted(all_answers(workers)) == [(number, 2 * number) for number in range(20)]


def test_what_one_process_writes_all_see(start):
    workers = start(2, writing)
    workers.submit([3])
    all_answers(workers)
    assert np.flatnonzero(workers.memory).tolist() == [3]


def test_more_work_is_wanted_until_every_process_has_enough(start):
    workers = start(1, slow)
    given = 0
    while workers.wants_work:
        workers.submit([given])
        given += 1
    assert given == 2
    assert not workers.idle
    assert len(all_answers(workers)) == given


def test_an_item_that_ends_its_process_takes_no_other_along(start):
    workers = start(1, deadly)
    workers.submit([1, -1, 2])
    workers.submit([3])
    answers = dict(all_answers(workers))
    assert answers == {1: 1, 2: 2, 3: 3, -1: Died(-signal.SIGKILL)}
    assert "SIGKILL" in str(answers[-1])


def test_nothing_is_lost_with_a_process_that_is_killed(start):
    workers = start(2, slow)
    victim = workers.process_ids[0]
    for number in range(4):
        workers.submit([number])
    list(workers.answers(timeout=20.0))
    os.kill(victim, signal.SIGKILL)
    rest = all_answers(workers)
    assert {answer for _, answer in rest} | {0, 1} == {0, 1, 2, 3}
    assert victim not in workers.process_ids


def test_processes_that_are_killed_before_they_begin_are_started_again(start):
    workers = start(2, doubling)
    for number in workers.process_ids:
        os.kill(number, signal.SIGKILL)
    workers.submit([4])
    assert all_answers(workers) == [(4, 8)]


def test_a_job_that_raises_is_told(start):
    workers = start(1, failing)
    workers.submit([0])
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        all_answers(workers)


@pytest.mark.parametrize(("made", "said"), [(never_made, "no such thing"), (ended, "status 3")])
def test_a_process_that_cannot_start_is_told_rather_than_started_again(start, made, said):
    workers = start(1, made)
    workers.submit([0])
    with pytest.raises(RuntimeError, match=said):
        all_answers(workers)


def test_closing_ends_the_processes(start):
    workers = start(2, doubling)
    processes = [psutil.Process(number) for number in workers.process_ids]
    workers.close()
    assert not any(process.is_running() for process in processes)


def test_dropping_the_last_reference_ends_the_processes():
    workers = WorkerProcesses(1, doubling, n_bytes=4096)
    process = psutil.Process(workers.process_ids[0])
    del workers
    assert not process.is_running()


def test_the_processes_end_with_one_that_is_killed():
    program = (
        "import os, sys; sys.path.insert(0, sys.argv[1]);"
        "from test_pool import slow, WorkerProcesses;"
        "workers = WorkerProcesses(2, slow, n_bytes=4096);"
        "workers.submit([1]); list(workers.answers());"
        "print(*workers.process_ids, flush=True); os.kill(os.getpid(), 9)"
    )
    here = Path(__file__).parent
    run = subprocess.run(
        [sys.executable, "-c", program, here], stdout=subprocess.PIPE, text=True, check=False
    )
    numbers = [int(word) for word in run.stdout.split()]
    assert len(numbers) == 2
    assert _gone(numbers)


def test_a_daemonic_process_may_have_them():
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    daemon = context.Process(target=_double_elsewhere, args=(there,), daemon=True)
    daemon.start()
    assert here.poll(60)
    numbers, answers = here.recv()
    assert answers == [(4, 8)]
    daemon.join(20)
    assert _gone(numbers)


def _double_elsewhere(pipe):
    workers = WorkerProcesses(1, doubling, n_bytes=4096)
    workers.submit([4])
    pipe.send((workers.process_ids, all_answers(workers)))


def _gone(numbers, *, within=10):
    deadline = time.monotonic() + within
    while any(map(_alive, numbers)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _alive(number):
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_whatever_ended_a_process_can_be_told():
    assert str(Died(-signal.SIGKILL)).endswith("was ended by SIGKILL")
    assert str(Died(-40)).endswith("was ended by signal 40")
    assert str(Died(3)).endswith("ended with status 3")
