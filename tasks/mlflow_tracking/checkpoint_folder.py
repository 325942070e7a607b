"""The folder in which a training keeps its checkpoints and its journal until it is finished."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pose_lib.errors import InputError
from pose_lib.processes.host import machine_id
from pose_lib.store.lock import (
    LEASE_SUFFIX,
    Lease,
    LeaseTiming,
    StoreBusyError,
    current_holder,
    lock_store,
)
from tasks.mlflow_tracking.journal import JOURNAL_FILE, Journal
from tasks.mlflow_tracking.outbox import run_of_journal
from tasks.runtime.progress import tell

_STRANGER_SECONDS = LeaseTiming().dead + 15
"""Only time tells whether the process of another machine lives."""


@contextmanager
def lock_checkpoints(place: Path) -> Iterator[Lease]:
    """Be the only one who trains in this place for the block.

    Raises:
        InputError: If another process does, with its id and machine.
    """
    with ExitStack() as stack:
        holder = current_holder(place)
        is_here = holder is not None and holder.machine == machine_id()
        try:
            wait = 0.0 if is_here else _STRANGER_SECONDS
            holding = lock_store(place, "training", wait=wait, tell=_told_once())
            lease = stack.enter_context(holding)
        except StoreBusyError as error:
            raise InputError(
                "the same training, of the same data and settings, is under way: "
                f"{current_holder(place)}; wait for it, or stop it to go on with it here"
            ) from error
        yield lease


def is_begun(place: Path) -> bool:
    """Tell whether a training was begun here and not finished."""
    return (place / JOURNAL_FILE).is_file()


def was_finished(place: Path, experiment: str) -> bool:
    """Tell whether the training here was finished, but for the clearing."""
    if not is_begun(place):
        return False
    journal = Journal(place / JOURNAL_FILE)
    journal.close()
    run = run_of_journal(journal, experiment)
    return run is not None and run.info.status == "FINISHED"


def clear(place: Path) -> None:
    """Delete all that a training keeps in its place, the journal last; leases stay."""
    journal = place / JOURNAL_FILE
    for path in [path for path in place.glob("*") if path != journal] + [journal]:
        if path.suffix != LEASE_SUFFIX:
            path.unlink(missing_ok=True)


def _told_once() -> Callable[[str, float], None]:
    """Return what tells, at the first look only, who holds the place."""
    told: list[str] = []

    def hear(holder: str, waited: float) -> None:  # noqa: ARG001 - as a lease tells it
        if not told:
            tell(f"waiting for a sign of life of the same training elsewhere: {holder}")
        told.append(holder)

    return hear
