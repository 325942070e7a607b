"""One run at a time writes a store: by a lease that lives as long as its holder does.

A lease is a small file ``<number>.lease`` beside the store's metadata. Who finds none, or only a
dead one, makes the next number; as no storage makes an object twice, one of many who try at once
gets it. The holder writes it anew every few seconds. It is dead once its process is gone, where
that can be seen, and else once it did not change for a minute by the clock of who waits, for the
clocks of two machines need not agree. A holder that slept meanwhile finds another's lease, or none,
and must not write.

Readers need no lease.
"""

import json
import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pose_lib.errors import InputError, RunFailedError
from pose_lib.files.locations import Location
from pose_lib.processes.host import host_name, machine_id, process_start
from pose_lib.store.objects import create_object, object_names, read_object, remove_object

LEASE_SUFFIX = ".lease"


class StoreBusyError(InputError):
    """Another run writes the store, and the time to wait for it is over."""


class LeaseLostError(RunFailedError):
    """Another run took the store over, as this one gave no sign of life."""


@dataclass(frozen=True)
class LeaseTiming:
    """Seconds between looks and signs of life.

    Attributes:
        renew: Between two signs of life of a holder.
        dead: A holder on another machine without any for so long is dead.
        look: Between two looks of one who waits.
    """

    renew: float = 10.0
    dead: float = 60.0
    look: float = 1.0


@dataclass(frozen=True)
class Holder:
    """Who holds a store, as its lease says.

    Attributes:
        doing: What it does there, such as a flow run's name.
        host: Name of its machine, for people; ``machine`` is for comparison.
        started: What tells its process from a later one of the same id.
        since: Unix time of its beginning.
        renewed: Unix time of its last sign of life.
        done: How many of ``total`` images it has done; 0 of 0 before that is known.
    """

    doing: str
    host: str
    machine: str
    pid: int
    started: str
    since: float
    renewed: float
    done: int = 0
    total: int = 0
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            kind = _KINDS.get(name, str)
            if not isinstance(value, kind):
                raise TypeError(f"{name} of a lease must be {kind}, got {value!r}")
        if not all(0 <= at < _NO_TIME for at in (self.since, self.renewed)):
            raise ValueError(f"no Unix times: {self.since} and {self.renewed}")

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        ago = max(time.time() - self.renewed, 0)
        what = " ".join(self.doing.split())
        return (
            f"{what} (process {self.pid} on {self.host}, since {since}, "
            f"last sign of life {ago:.0f} s ago)"
        )


_NO_TIME = 1 << 37  # in some thousand years

_KINDS = {"pid": int, "done": int, "total": int, "since": int | float, "renewed": int | float}


def current_holder(store: Location) -> Holder | None:
    """Return who holds the store; None if nobody does, or one whose process is gone."""
    holder = _newest_holder(store)
    return None if holder is None or _is_gone(holder) else holder


@contextmanager
def lock_store(
    store: Location,
    doing: str,
    *,
    wait: float,
    tell: Callable[[str, float], None],
    pace: LeaseTiming = LeaseTiming(),
) -> Iterator["Lease"]:
    """Be the only one who writes the store for the block; its folder is made if it is not there.

    Args:
        doing: What others who want the store are told.
        wait: Seconds to wait for another holder; 0 to give up at once.
        tell: Called with who holds the store, and the seconds waited so far, at each look.

    Raises:
        StoreBusyError: If another holds it for all that time.
        InputError: If no lease can be written there.
    """
    lease = _acquire(store, doing, wait, tell, pace)
    renewal = threading.Thread(target=lease.keep_renewing, name="store lease", daemon=True)
    renewal.start()
    try:
        yield lease
    finally:
        lease.release()
        renewal.join()


class Lease:
    """The right to write a store, while it is not lost."""

    def __init__(self, store: Location, number: int, holder: Holder, pace: LeaseTiming) -> None:
        self._store, self._number, self._holder, self._pace = store, number, holder, pace
        self._over = threading.Event()
        self._writing = threading.Lock()

    def progress(self, done: int, total: int) -> None:
        """Let others see how far this run is, by its next sign of life."""
        self._holder = replace(self._holder, done=done, total=total)

    def confirm(self) -> None:
        """Make sure that the store is still this run's; to be called before what others read.

        Raises:
            LeaseLostError: If another run took it over.
        """
        if not self._renew():
            raise LeaseLostError(
                f"another run took over {self._store} while this one gave no sign of life; nothing "
                "that was computed is lost: run the same command again"
            )

    def keep_renewing(self) -> None:
        """Give signs of life until the end, or until the lease is lost."""
        while not self._over.wait(self._pace.renew):
            # Whatever keeps it from being written may pass; `confirm` tells in the end.
            with suppress(Exception):
                if not self._renew():
                    return

    def release(self) -> None:
        """Let the next one have the store."""
        with self._writing:
            self._over.set()
            with suppress(Exception):  # then the others see that this process is gone
                if self._is_ours():
                    remove_lease(self._store, self._number)

    def _renew(self) -> bool:
        with self._writing:
            if not self._is_ours():
                return False
            if not self._over.is_set():
                alive = replace(self._holder, renewed=time.time())
                _replace_lease(_path(self._store, self._number), _content(alive))
            return True

    def _is_ours(self) -> bool:
        """Tell whether the newest lease is this one; numbers begin anew once nobody holds any."""
        holder = _newest_holder(self._store)
        return holder is not None and holder.token == self._holder.token


@dataclass(frozen=True)
class _Seen:
    """A lease as it was seen; damaged ones have no holder."""

    number: int
    content: bytes

    @property
    def holder(self) -> Holder | None:
        try:
            return Holder(**json.loads(self.content))
        except (ValueError, TypeError, RecursionError):
            return None


def _acquire(
    store: Location, doing: str, wait: float, tell: Callable[[str, float], None], pace: LeaseTiming
) -> Lease:
    begun = since = time.monotonic()
    last: _Seen | None = None
    while True:
        try:
            seen = _newest(store)
            if seen != last:
                last, since = seen, time.monotonic()
            if seen is None or _is_dead(seen, time.monotonic() - since, pace):
                if lease := _next_lease(store, seen, doing, pace):
                    return lease
                time.sleep(random.uniform(0, 0.1))  # another was quicker
                continue
        except OSError as error:
            reason = error.strerror or " ".join(str(error).split())
            raise InputError(f"cannot write the store {store}: {reason}") from error
        waited = time.monotonic() - begun
        who = str(seen.holder or "somebody whose lease cannot be read")
        if waited >= wait:
            raise StoreBusyError(
                f"{store} is held by {who}; wait longer with --lock-timeout SECONDS, which also "
                f"takes it over from a dead one after {pace.dead:.0f} s"
            )
        tell(who, waited)
        time.sleep(min(pace.look, wait - waited))


def _next_lease(store: Location, seen: _Seen | None, doing: str, pace: LeaseTiming) -> Lease | None:
    """Make the lease after the one seen; None if another was quicker."""
    number = seen.number + 1 if seen else 1
    now, pid = time.time(), os.getpid()
    holder = Holder(doing, host_name(), machine_id(), pid, process_start(pid) or "", now, now)
    if not create_object(_path(store, number), _content(holder)):
        return None
    others = [other for other in lease_numbers(store) if other != number]
    if any(_is_news(store, other, seen) for other in others):
        remove_lease(store, number)
        return None
    for other in others:
        remove_lease(store, other)
    return Lease(store, number, holder, pace)


def _is_news(store: Location, number: int, seen: _Seen | None) -> bool:
    """Tell whether a lease is another than the dead one seen, or those before that."""
    if seen is None or number > seen.number:
        return True
    return number == seen.number and read_object(_path(store, number)) not in (seen.content, None)


def _newest(store: Location) -> _Seen | None:
    for number in reversed(lease_numbers(store)):
        content = read_object(_path(store, number))
        if content is not None:  # released meanwhile
            return _Seen(number, content)
    return None


def _newest_holder(store: Location) -> Holder | None:
    seen = _newest(store)
    return seen.holder if seen else None


def lease_numbers(store: Location) -> list[int]:
    """Return the numbers of the leases in the store, ascending; none where there is no store."""
    names = [name for name in object_names(store) if name.endswith(LEASE_SUFFIX)]
    numbers = [name.removesuffix(LEASE_SUFFIX) for name in names]
    return sorted(int(number) for number in numbers if number.isdecimal())


def remove_lease(store: Location, number: int) -> None:
    """Remove a lease if it is there, and with the last one a store's folder that holds no more."""
    path = _path(store, number)
    remove_object(path)
    if isinstance(path, Path):
        remove_object(_temporary(path))  # of a holder that was killed while it wrote
        with suppress(OSError):
            path.parent.rmdir()


def _replace_lease(path: Location, content: bytes) -> None:
    """Write a lease anew, under a name of its own first, by which it is found if that fails."""
    if not isinstance(path, Path):
        path.fs.pipe_file(path.path, content)
        return
    temporary = _temporary(path)
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def _temporary(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


def _path(store: Location, number: int) -> Location:
    return store / f"{number}{LEASE_SUFFIX}"


def _is_dead(seen: _Seen, unchanged: float, pace: LeaseTiming) -> bool:
    """Tell whether a lease's holder is gone, or gave no sign of life for so many seconds."""
    if seen.holder and seen.holder.machine == machine_id():
        return _is_gone(seen.holder)
    return unchanged > pace.dead


def _is_gone(holder: Holder) -> bool:
    """Tell whether the holder's process is known to be gone."""
    return holder.machine == machine_id() and process_start(holder.pid) != holder.started


def _content(holder: Holder) -> bytes:
    return json.dumps(asdict(holder)).encode()
