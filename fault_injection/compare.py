"""Whether a store holds exactly what one holds that nothing happened to."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from pose_lib.files.locations import Location
from pose_lib.store.batches import batch_names, read_batch
from pose_lib.store.objects import object_names
from pose_lib.store.provenance import open_root, read_provenance

VARY = {"images/attempts", "images/seconds", "images/stamp"}
"""Arrays that may differ: what it took, and when the files were written."""


@dataclass(frozen=True)
class ImageMatch:
    """What is wrong with a store.

    Attributes:
        lost: Images that are not in it, or without the people that they show.
        doubled: Images that are in it twice, or whose people are.
        faults: All else: arrays that differ, batches that nobody needs, marks, torn files.
    """

    lost: frozenset[str] = frozenset()
    doubled: frozenset[str] = frozenset()
    faults: tuple[str, ...] = field(default=())

    @property
    def fine(self) -> bool:
        return not (self.lost or self.doubled or self.faults)


@dataclass(frozen=True)
class Content:
    """A store as any zarr reader sees it, and the files beside its arrays.

    Attributes:
        batches: The digests in each, by name.
        stray: Marks of what was begun and not ended, and files of killed writers.
    """

    arrays: dict[str, np.ndarray]
    batches: dict[str, tuple[str, ...]]
    stray: tuple[str, ...]


def read_content(store: Location) -> Content:
    """Read all of a store; a torn array or batch raises."""
    root = open_root(store)
    arrays = dict(_arrays(root, ("images", "people")))
    provenance = read_provenance(store)
    batches = {name: read_batch(store, name, provenance).digest for name in batch_names(store)}
    torn = [path.name for path in store.rglob("*.partial")] if isinstance(store, Path) else []
    return Content(arrays, batches, (*object_names(store / "shards" / "begun"), *sorted(torn)))


def judge(store: Location, undisturbed: Content, expected: Iterable[str] = ()) -> ImageMatch:
    """Compare a store with one that nothing happened to.

    Args:
        expected: Images that may differ, as the fault is about them.
    """
    here = read_content(store)
    aside = set(expected)
    other = _rows(undisturbed, aside)
    if not here.arrays:
        return ImageMatch(lost=frozenset(other), faults=("nothing is published",))
    rows = _rows(here, aside)
    names = Counter(here.arrays["images/filename"].tolist())
    doubled = {name for name, count in names.items() if count > 1}
    doubled |= {
        name for name in rows.keys() & other.keys() if _people(rows, name) > _people(other, name)
    }
    lost = {name for name, row in other.items() if rows.get(name, row) != row} - doubled
    lost |= other.keys() - rows.keys()
    return ImageMatch(frozenset(lost), frozenset(doubled), tuple(_faults(here, undisturbed, aside)))


def _faults(here: Content, undisturbed: Content, aside: set[str]) -> Iterator[str]:
    held = Counter(digest for digests in here.batches.values() for digest in digests)
    for name, digests in here.batches.items():
        if all(held[digest] > 1 for digest in digests):
            yield f"the batch {name} that nobody needs"
    if here.stray:
        yield f"{len(here.stray)} marks or torn files such as {here.stray[0]}"
    if aside:  # the rows were compared one by one
        return
    for name in sorted(here.arrays.keys() | undisturbed.arrays.keys()):
        if name in VARY:
            continue
        one, other = here.arrays.get(name), undisturbed.arrays.get(name)
        if one is None or other is None or not _equal(one, other):
            yield f"{name} differs"


def _people(rows: dict[str, tuple[Any, ...]], name: str) -> int:
    return len(rows[name][-1])


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.kind == "T":
        return one.tolist() == other.tolist()
    return one.tobytes() == other.tobytes()


def _rows(content: Content, aside: set[str]) -> dict[str, tuple[Any, ...]]:
    """Return all that a store tells of each image: digest, status, reason, size and people."""
    arrays = content.arrays
    columns = [arrays[f"images/{name}"].tolist() for name in ("digest", "status", "reason", "size")]
    first, stop = (
        np.searchsorted(arrays["people/image"], np.arange(len(columns[0])), side)
        for side in ("left", "right")
    )
    people = [
        arrays["people/keypoints"][start:end].tobytes()
        for start, end in zip(first, stop, strict=True)
    ]
    rows = zip(arrays["images/filename"].tolist(), *columns, people, strict=True)
    return {name: (*row[:3], tuple(row[3]), row[4]) for name, *row in rows if name not in aside}


def _arrays(root: zarr.Group, names: Iterable[str]) -> Iterator[tuple[str, np.ndarray]]:
    for name in names:
        group: Any = root.get(name)
        for array_name, array in () if group is None else group.arrays():
            yield f"{name}/{array_name}", np.asarray(array[:])
