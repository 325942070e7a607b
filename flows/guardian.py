"""Keep a server only as long as the process that asked for it.

``python -m flows.guardian COMMAND...`` runs COMMAND and ends it, with all its children, when its
own standard input closes, or on SIGTERM. The asking process holds the other end of that pipe, so
the server ends with it however it ends: normally, by Ctrl-C or by ``kill -9``.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

GRACE_SECONDS = 5.0


def guard(command: list[str]) -> int:
    """Run a command until it ends or standard input closes; return its exit status."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_end_when_input_closes, args=(child,), daemon=True).start()
    try:
        return child.wait()
    finally:
        _end(child)


def _end_when_input_closes(child: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    _signal_group(child, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_SECONDS)
    _signal_group(child, signal.SIGKILL)


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(guard(sys.argv[1:]))
