"""Being the only run that writes a keypoint store, and what a run says while another is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from pose_lib.files.locations import Location
from pose_lib.store import is_store, read_provenance
from pose_lib.store.lock import LEASE_SUFFIX, Lease, lock_store
from tasks.runtime.progress import tell

_held: ContextVar[Mapping[str, Lease]] = ContextVar("held", default={})  # noqa: B039 - never changed


@contextmanager
def exclusive_lock(store: Location, lock_timeout: float, doing: str = "") -> Iterator[Lease]:
    """Hold the store for the block; a flow within one that holds it already uses that lease.

    Args:
        lock_timeout: How long to wait for another run that holds it.
        doing: What others are told; the flow run's name by default.

    Raises:
        StoreBusyError: If another run holds the store for all that time.
        InputError: If what is there is no keypoint store.
    """
    key = str(store)
    if outer := _held.get().get(key):
        yield outer
        return
    refuse_what_is_no_store(store)
    announce = _TellOnce(store, lock_timeout)
    with lock_store(store, doing or _flow_run(), wait=lock_timeout, tell=announce) as lease:
        token = _held.set({**_held.get(), key: lease})
        try:
            yield lease
        finally:
            _held.reset(token)


class _TellOnce:
    """Says once of each holder that it is waited for."""

    def __init__(self, store: Location, lock_timeout: float) -> None:
        self._store, self._wait = store, lock_timeout
        self._known: set[str] = set()

    def __call__(self, who: str, waited: float) -> None:
        holder = who.partition(", last sign of life")[0]
        if holder not in self._known:
            self._known.add(holder)
            left = max(self._wait - waited, 0)
            tell(f"{self._store} is held by {who}; waiting for up to {left:.0f} s (--lock-timeout)")


def refuse_what_is_no_store(store: Location) -> None:
    """Leave nothing of ours in a folder that is somebody else's."""
    if is_store(store) or not store.exists():
        return
    ours = {".partial", LEASE_SUFFIX}
    if not store.is_dir() or any(entry.suffix not in ours for entry in store.iterdir()):
        read_provenance(store)


def _flow_run() -> str:
    from prefect.runtime import flow_run  # heavy, and `poselift select` is quick

    return f"flow run {flow_run.name}" if flow_run.id else "a run"
