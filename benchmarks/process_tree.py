"""What a command and the processes that it starts take, seen from outside."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_EVERY = 0.3  # seconds
_ROLES = (("prefect", "server"), ("flows.local.supervisor", "server"), ("spawn_main", "worker"))


@dataclass
class Usage:
    """By role of the processes: ``flow``, ``worker``, ``server`` and ``other``.

    Attributes:
        peak_bytes: The most memory that any process of the role ever held at once.
        cpu_seconds: Of all processes of the role together.
    """

    peak_bytes: dict[str, int] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)


@contextmanager
def watched(pid: int) -> Iterator[Usage]:
    """Watch a process and all below it during the block; what they took is told after it."""
    usage, ended = Usage(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(psutil.Process(pid), usage, ended))
    watcher.start()
    try:
        yield usage
    finally:
        ended.set()
        watcher.join()


def _watch(root: psutil.Process, usage: Usage, ended: threading.Event) -> None:
    roles, spent = {root.pid: "flow"}, {}
    while not ended.is_set():
        with suppress(psutil.NoSuchProcess):
            for process in (root, *root.children(recursive=True)):
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
                    _note(process, roles, spent, usage.peak_bytes)
        time.sleep(_EVERY)
    for pid, seconds in spent.items():
        role = roles[pid]
        usage.cpu_seconds[role] = usage.cpu_seconds.get(role, 0.0) + seconds


def _note(
    process: psutil.Process, roles: dict[int, str], spent: dict[int, float], peak: dict[str, int]
) -> None:
    if roles.get(process.pid, "other") == "other":  # what it is shows once it runs its program
        roles[process.pid] = _role(process)
    role = roles[process.pid]
    peak[role] = max(peak.get(role, 0), _peak_bytes(process))
    times = process.cpu_times()
    spent[process.pid] = times.user + times.system


def _role(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    return next((role for sign, role in _ROLES if sign in command), "other")


def _peak_bytes(process: psutil.Process) -> int:
    """Return the most it ever held where the system keeps that, else what it holds now."""
    status = Path(f"/proc/{process.pid}/status")
    kept = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return 1024 * int(kept[1]) if kept else process.memory_info().rss
