"""How far a store is: what is published, what is done beyond that, and who writes it now."""

from dataclasses import dataclass

import numpy as np

from pose_lib.errors import InputError
from pose_lib.formats.locations import Location
from pose_lib.formats.published_store import read_ledger
from pose_lib.formats.store_lock import Holder, current_holder
from pose_lib.formats.store_parts import finished
from pose_lib.formats.store_root import is_store, open_root
from pose_lib.keypoints import ImageStatus
from pose_lib.ledger import LedgerTable


@dataclass(frozen=True)
class StoreStatus:
    """A store as it is now, maybe in the middle of a run.

    Attributes:
        ledger: What is published; None before the first time, and while it is being written.
        done: Finished images by status label, those of equal content once; they may be more than
            the published ones, or others. None where nobody writes and all is published.
        holder: Who writes the store now, if anybody does.
    """

    ledger: LedgerTable | None
    done: dict[str, int] | None
    holder: Holder | None


def read_status(store: Location) -> StoreStatus:
    """Look at a store without disturbing who writes it.

    Raises:
        InputError: If there is none, or it is damaged.
    """
    holder = current_holder(store)
    if holder and not is_store(store):  # about to be made
        return StoreStatus(None, _counts(np.empty(0, int)), holder)
    ledger = _published(store)
    if ledger is not None and holder is None:
        return StoreStatus(ledger, None, None)
    return StoreStatus(ledger, _counts(finished(store).status), holder)


def _published(store: Location) -> LedgerTable | None:
    try:
        return read_ledger(store)
    except InputError:
        if open_root(store).attrs.get("published"):
            raise
        return None


def _counts(statuses: np.ndarray) -> dict[str, int]:
    return {status.label: int(np.sum(statuses == status)) for status in ImageStatus}
