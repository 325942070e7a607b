"""How many unreadable or failed images a run tolerates, and how it reports them."""

from pose_lib.errors import InputError, RunFailedError
from pose_lib.files.locations import Location
from pose_lib.store.ledger_summary import FAULTY, faulty_share
from tasks.extract import LedgerCounts
from tasks.runtime.progress import tell

_NAMED = 3


class TooManyFaultsError(RunFailedError):
    """More images were unreadable or failed than the run may have; all results are kept."""


def refuse_too_many_faults(ledger: LedgerCounts, store: Location, max_share: float) -> None:
    """Let the run fail where too many of its images gave nothing.

    Raises:
        TooManyFaultsError: If their share is above ``max_share``.
    """
    share = faulty_share(ledger.counts)
    if share > max_share:
        n_faulty = sum(ledger.counts[status.label] for status in FAULTY)
        raise TooManyFaultsError(
            f"{n_faulty} of {ledger.images} images ({share:.1%}) were unreadable or failed, more "
            f"than max_failure_rate = {max_share:g} allows: {_first(ledger, n_faulty)}; all else "
            f"is kept in {store}: `poselift status {store} --failed` lists them, `poselift retry "
            f"{store}` tries them again"
        )


def refuse_if_nothing_was_read(ledger: LedgerCounts) -> None:
    """Tell bad input from images that show nobody.

    Raises:
        InputError: If not one image could be used, with the reason of the first.
    """
    if ledger.images and faulty_share(ledger.counts) == 1:
        name, reason = ledger.reasons[0]
        if ledger.images == 1:
            raise InputError(f"{name}: {reason}; give another image")
        raise InputError(f"none of {ledger.images} images could be used, such as {name}: {reason}")


def tell_faults(ledger: LedgerCounts) -> None:
    """Name the first images that gave nothing, and why, a line each."""
    for name, reason in ledger.reasons:
        tell(f"{name}: {reason}")


def _first(ledger: LedgerCounts, n_faulty: int) -> str:
    names = [name for name, _ in ledger.reasons[:_NAMED]]
    return ", ".join(names) + (", ..." if n_faulty > len(names) else "")
