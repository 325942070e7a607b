"""Which processes of a test are still there, told by a mark that all its children inherit."""

import time
import uuid

import psutil

MARK = "POSELIFT_TEST_MARK"


def marked() -> dict[str, str]:
    """Return an environment variable that marks a process and all that come from it."""
    return {MARK: uuid.uuid4().hex}


def left_over(mark: dict[str, str], *, wait: float = 10) -> list[str]:
    """Return the command lines of marked processes that are there even after a while."""
    deadline = time.monotonic() + wait
    while (found := running(mark)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [" ".join(process.info["cmdline"] or []) for process in found]


def running(mark: dict[str, str]) -> list[psutil.Process]:
    """Return the marked processes that are there now."""
    return [
        process
        for process in psutil.process_iter(["environ", "cmdline", "status"])
        if (process.info["environ"] or {}).get(MARK) == mark[MARK]
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def end_all(mark: dict[str, str]) -> None:
    """Kill what a test that failed has left running."""
    for process in running(mark):
        process.kill()
