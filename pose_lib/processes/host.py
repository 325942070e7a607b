"""This machine: its name, its cores, and whether a process of it is still there."""

import os
import socket
import uuid
from hashlib import blake2b
from pathlib import Path

_DEAD = frozenset("ZX")
_STATE, _START = 0, 19


def usable_cores() -> int:
    """Return the cores this process may use, which in a container are fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def host_name() -> str:
    """Return the name by which people know this machine."""
    return socket.gethostname()


def machine_id() -> str:
    """Return what is the same for just those processes that see each other by their ids.

    Names do not serve: many containers are called alike, and one process id means another
    process in each.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        seen = f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:  # no Linux
        seen = f"{uuid.getnode()} {host_name()}"
    return blake2b(seen.encode(), digest_size=8).hexdigest()


def process_start(pid: int) -> str | None:
    """Return a mark of a living process that later ones of its id do not have; None if it is gone.

    Empty where the system has no such mark. A process that was killed but whose parent has not
    looked at it counts as gone.

    Source: proc_pid_stat(5), fields 3 and 22.
    """
    try:
        os.kill(pid, 0)
    except PermissionError:
        pass  # somebody else's, but there
    except (OSError, OverflowError):
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None if Path("/proc/self").exists() else ""
    return None if fields[_STATE] in _DEAD else fields[_START]
