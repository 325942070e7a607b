"""Reading what is published in a keypoint store."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import zarr

from pose_lib.errors import InputError
from pose_lib.files.locations import Location, is_url, location
from pose_lib.files.safe_names import refuse_escaping_names
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.store.batches import finished
from pose_lib.store.ledger import Ledger
from pose_lib.store.lock import Holder, current_holder
from pose_lib.store.name_index import TextsByName
from pose_lib.store.provenance import is_store, open_root, skeleton_of
from pose_lib.store.schema import (
    DAMAGE,
    read_array,
    read_arrays,
    read_attempts,
    read_rows,
    read_status,
    read_text,
)


@dataclass(frozen=True)
class StoreStatus:
    """A store as it is now, maybe in the middle of a run.

    Attributes:
        ledger: What is published; None before the first time, and while it is being written.
        done: Images with a result, by status label, those of equal content once; maybe more than
            the published ones, or others. None where nobody writes and all is published.
        holder: Who writes the store now, if anybody does.
    """

    ledger: Ledger | None
    done: dict[str, int] | None
    holder: Holder | None


def store_status(store: Location) -> StoreStatus:
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


def _published(store: Location) -> Ledger | None:
    try:
        return read_ledger(store)
    except InputError:
        if open_root(store).attrs.get("published"):
            raise
        return None


def _counts(statuses: np.ndarray) -> dict[str, int]:
    return {status.label: int(np.sum(statuses == status)) for status in ImageStatus}


T = TypeVar("T")


def read_keypoints(path: str | Location) -> Keypoints:
    """Read the published keypoints.

    Raises:
        InputError: If there is no store, it was never published whole, or its content is not valid.
    """
    keypoints = _read_whole(path, lambda store: read_arrays(store, skeleton_of(store)))
    refuse_escaping_names(keypoints.filename, path)
    return keypoints


def read_ledger(path: str | Location) -> Ledger:
    """Read what became of every published image, without the people.

    Raises:
        InputError: As `read_keypoints`.
    """
    return _read_whole(path, ledger_in)


def read_worst(path: str | Location, most: int) -> Ledger:
    """Read the ledger of so many images at most, the worst status first, else in their order.

    The names of all others are not read into memory.

    Raises:
        InputError: As `read_keypoints`.
    """
    return _read_whole(path, lambda store: _worst_in(store, most))


def known_digests(path: str | Location) -> Mapping[str, tuple[str, str]]:
    """Return fingerprint and digest of the published images by name; nothing where none are known.

    A file of the same name and fingerprint still has that content. Quick for names that are asked
    for in their order, and small: a million take 200 MB.
    """
    try:
        return _read_whole(path, _KnownDigests)
    except InputError:
        return {}


def read_choice(path: str | Location) -> dict[str, Any]:
    """Return how the published people were chosen, as `selection_record` tells it."""
    recorded = open_root(path).attrs.get("person_choice")
    return dict(recorded) if isinstance(recorded, Mapping) else {}


def read_image_root(path: str | Location) -> Location | None:
    """Return the folder that the published names are relative to, where it was recorded."""
    root = open_root(path).attrs.get("root")
    if not root:
        return None
    return location(str(root)) if is_url(str(root)) else Path(str(root))


def _read_whole(path: str | Location, read: Callable[[zarr.Group], T]) -> T:
    """Read something published that no other run is writing meanwhile."""
    store = open_root(path)
    published = store.attrs.get("published")
    if not published:
        raise InputError(f"the store {path} is not complete; run extract on it again")
    try:
        found = read(store)
    except (OSError, *DAMAGE) as error:
        if open_root(path).attrs.get("published") == published:
            raise InputError(f"the store {path} is damaged ({error}); run extract again") from error
    if open_root(path).attrs.get("published") != published:
        raise InputError(f"the store {path} is being written to right now; try again later")
    return found


def ledger_in(
    store: zarr.Group, names: Sequence[str] | None = None, digests: Sequence[str] | None = None
) -> Ledger:
    """Read the ledger in an opened store.

    Args:
        names: What the first column holds, where that is known; and ``digests`` the last one.
    """
    return Ledger(
        filename=read_text(store, "images/filename") if names is None else tuple(names),
        status=read_status(store),
        reason=tuple(map(sys.intern, read_text(store, "images/reason"))),
        attempts=read_attempts(store),
        seconds=read_array(store, "images/seconds"),
        digest=read_text(store, "images/digest") if digests is None else tuple(digests),
        n_people=len(read_array(store, "people/score")),
    )


def _worst_in(store: zarr.Group, most: int) -> Ledger:
    status = read_status(store)
    rows = np.argsort(-status, kind="stable")[:most]
    return Ledger(
        filename=tuple(read_rows(store, "images/filename", rows).tolist()),
        status=status[rows],
        reason=tuple(read_rows(store, "images/reason", rows).tolist()),
        attempts=read_attempts(store)[rows],
        seconds=read_rows(store, "images/seconds", rows),
        digest=tuple(read_rows(store, "images/digest", rows).tolist()),
        n_people=int(np.isin(read_array(store, "people/image"), rows).sum()),
    )


class _KnownDigests(Mapping[str, tuple[str, str]]):
    """Fingerprints and digests by name, in arrays: a dict of a million would take 0.5 GB."""

    def __init__(self, store: zarr.Group) -> None:
        name, fingerprint, digest = (
            read_array(store, f"images/{column}")
            if f"images/{column}" in store
            else np.empty(0, np.dtypes.StringDType())
            for column in ("filename", "stamp", "digest")  # the fingerprint's name on disk
        )
        known = fingerprint != ""
        name = name[: len(known)][known]  # no name where a store of an earlier version has none
        self._fingerprint = TextsByName(name, fingerprint[known])
        self._digest = TextsByName(name, digest[: len(known)][known])

    def __getitem__(self, name: str) -> tuple[str, str]:
        return self._fingerprint[name], self._digest[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fingerprint)

    def __len__(self) -> int:
        return len(self._fingerprint)
