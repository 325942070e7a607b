"""Keep a server only as long as the process that asked for it, and for all that time.

``python -m flows.local.supervisor COMMAND...`` runs COMMAND and ends it, with all its children,
when its own standard input closes, or on SIGTERM. The asking process holds the other end of that
pipe, so the server ends with it however it ends: normally, by Ctrl-C or by ``kill -9``.

Anything written to the pipe says that the server works. From then on the supervisor starts it
again, by the same command, whenever it ends by itself.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 5.0
PAUSE_SECONDS = 1.0
POLL_SECONDS = 0.1
MOST_RESTARTS = 20


def supervise(command: list[str]) -> int:
    """Run a command until standard input closes, or it ends and was not said to work before.

    Returns:
        Its exit status.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    works, over = threading.Event(), threading.Event()
    threading.Thread(target=_listen, args=(works, over), daemon=True).start()
    for _ in range(1 + MOST_RESTARTS):
        status = _run(command, over)
        if over.is_set() or not works.is_set():
            break
        time.sleep(PAUSE_SECONDS)
    return status


def _run(command: list[str], over: threading.Event) -> int:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        while child.poll() is None and not over.wait(POLL_SECONDS):
            pass
    finally:
        _end(child)
    return child.wait()


def _listen(works: threading.Event, over: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        works.set()
    over.set()


def _end(child: subprocess.Popen[bytes]) -> None:
    _signal_group(child, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_SECONDS)
    _signal_group(child, signal.SIGKILL)


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(supervise(sys.argv[1:]))
