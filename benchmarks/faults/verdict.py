"""Whether a store holds exactly what one holds that nothing happened to."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import zarr

from pose_lib.formats.locations import Location
from pose_lib.formats.store_root import open_root

VARY = {"images/attempts", "images/seconds", "images/stamp"}
"""Arrays that may differ: what it took, and when the files were written."""


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a store.

    Attributes:
        lost: Images that are not in it, or without the people that they show.
        doubled: Images that are in it twice, or whose people are, or whose results are kept twice.
        faults: All else: arrays that differ, parts that nobody needs, torn files.
    """

    lost: frozenset[str] = frozenset()
    doubled: frozenset[str] = frozenset()
    faults: tuple[str, ...] = field(default=())

    @property
    def fine(self) -> bool:
        return not (self.lost or self.doubled or self.faults)


@dataclass(frozen=True)
class Content:
    """A store as any zarr reader sees it."""

    arrays: dict[str, np.ndarray]
    parts: dict[str, tuple[bool, list[str]]]
    stray: tuple[str, ...]


def read_content(store: Location) -> Content:
    """Read all of a store; a torn array raises."""
    root = open_root(store)
    arrays = dict(_arrays(root, ("images", "people")))
    shards = root["shards"].groups() if "shards" in root else ()
    parts = {name: (bool(part.attrs.get("done")), _digests(part)) for name, part in shards}
    local = store.rglob("*.partial") if isinstance(store, Path) else ()
    return Content(arrays, parts, tuple(str(path.relative_to(store)) for path in local))


def judge(store: Location, undisturbed: Content, expected: Iterable[str] = ()) -> Verdict:
    """Compare a store with one that nothing happened to.

    Args:
        expected: Images that may differ, as the fault is about them.
    """
    here = read_content(store)
    aside = set(expected)
    rows, other = _rows(here, aside), _rows(undisturbed, aside)
    names = Counter(here.arrays["images/filename"].tolist())
    kept = Counter(digest for done, digests in here.parts.values() if done for digest in digests)
    twice = {digest for digest, count in kept.items() if count > 1}
    doubled = {name for name, count in names.items() if count > 1}
    doubled |= {name for name, row in rows.items() if row[0] in twice}
    lost = {name for name, row in other.items() if rows.get(name, row) != row} - doubled
    lost |= other.keys() - rows.keys()
    return Verdict(frozenset(lost), frozenset(doubled), tuple(_faults(here, undisturbed, aside)))


def _faults(here: Content, undisturbed: Content, aside: set[str]) -> Iterable[str]:
    if unfinished := [name for name, (done, _) in here.parts.items() if not done]:
        yield f"{len(unfinished)} unfinished parts"
    if here.stray:
        yield f"{len(here.stray)} torn files such as {here.stray[0]}"
    if aside:  # the rows were compared one by one
        return
    for name in sorted(here.arrays.keys() | undisturbed.arrays.keys()):
        if name in VARY:
            continue
        one, other = here.arrays.get(name), undisturbed.arrays.get(name)
        if one is None or other is None or not _equal(one, other):
            yield f"{name} differs"


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype.kind == "T":
        return one.tolist() == other.tolist()
    return one.tobytes() == other.tobytes()


def _rows(content: Content, aside: set[str]) -> dict[str, tuple[object, ...]]:
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


def _arrays(root: zarr.Group, groups: Iterable[str]) -> Iterable[tuple[str, np.ndarray]]:
    for group in groups:
        for name, array in root[group].arrays():
            yield f"{group}/{name}", np.asarray(array[:])


def _digests(part: zarr.Group) -> list[str]:
    if not part.attrs.get("done"):
        return []
    return np.asarray(part["images/digest"][:]).tolist()
