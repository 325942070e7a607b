"""The finished parts of a keypoint store: what tasks write, each to a group of its own.

A part is begun by making its group, which is told the digests of its images; then come the arrays,
and the mark ``done`` last. A part is never written to again, so that who reads one with its mark
before and after has read it whole; it is deleted by taking its mark away first. Parts may hold
results for the same content, of several attempts: readers choose by digest.
"""

import contextlib
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from typing import Any

import numpy as np
import zarr
from jaxtyping import Float, Int

from pose_lib.files.locations import Location, location
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.store.ledger import ExtractionResults
from pose_lib.store.name_index import Texts
from pose_lib.store.provenance import open_root, skeleton_of, writing
from pose_lib.store.schema import (
    DAMAGE,
    read_attempts,
    read_outcomes,
    read_status,
    read_text,
    write_arrays,
)

_FOLDER = "shards"
_FOUND_AT_ONCE = 1 << 16
_READERS = 8  # threads; what a remote store takes is the time until it answers


class PartGone(Exception):  # noqa: N818 - an event that readers expect
    """A part was deleted while it was read: what it held is in another one by now."""


@dataclass(frozen=True)
class Results:
    """Where the best finished result of each content lies. Of several the best status counts.

    Attributes:
        parts: Names of the finished parts.
        digest: Hashes of contents as ASCII bytes, sorted, each once.
        part: Number of the part with the result.
        row: Its row among that part's images.
        status: What became of the image, an ``ImageStatus``.
        attempts: How often it was worked on.
    """

    parts: tuple[str, ...]
    digest: np.ndarray
    part: Int[np.ndarray, "result"]
    row: Int[np.ndarray, "result"]
    status: Int[np.ndarray, "result"]
    attempts: Int[np.ndarray, "result"]

    def __len__(self) -> int:
        return len(self.digest)

    def find(self, digests: Texts) -> Int[np.ndarray, "wanted"]:
        """Return the place of each content among the results, -1 where there is none."""
        starts = range(0, len(digests), _FOUND_AT_ONCE)
        places = [self._find(_ascii(digests[start : start + _FOUND_AT_ONCE])) for start in starts]
        return np.concatenate([np.empty(0, int), *places])

    def _find(self, wanted: np.ndarray) -> Int[np.ndarray, "wanted"]:
        at = np.full(len(wanted), -1)
        if len(self):
            order = np.argsort(wanted)  # a search in order is ten times as quick
            place = np.searchsorted(self.digest, wanted[order]).clip(max=len(self) - 1)
            at[order] = np.where(self.digest[place] == wanted[order], place, -1)
        return at

    def final(self, places: Int[np.ndarray, "wanted"]) -> np.ndarray:
        """Tell of places, as found, which have a result that needs no other attempt."""
        if not len(self):
            return np.zeros(len(places), bool)
        return (places >= 0) & (self.status[places] != ImageStatus.FAILED)


def finished(path: str | Location, parts: Sequence[str] | None = None) -> Results:
    """Return where the results are.

    Args:
        parts: Names of the parts to look at; all by default.
    """
    root = open_root(path)
    with ThreadPoolExecutor(_READERS) as pool:
        indices = pool.map(
            lambda name: _index(root, name), part_names(path) if parts is None else parts
        )
        return _best([index for index in indices if index is not None])


def part_names(path: str | Location, key: str = "") -> list[str]:
    """Return the names of all parts, begun, finished or half deleted.

    Args:
        key: Of one shard; all by default.
    """
    folder = location(path) / _FOLDER
    if not folder.exists():
        return []
    names = (entry.name for entry in folder.iterdir() if entry.is_dir())
    return sorted(name for name in names if name.startswith(key))


def write_shard(
    path: str | Location,
    keypoints: Keypoints,
    digests: Sequence[str],
    seconds: Float[np.ndarray, "image"],
) -> str:
    """Write the results of some images as one part and return its name.

    Args:
        digests: Hash of each image's content.
        seconds: What each image took.
    """
    once = np.ones(len(digests), np.int32)
    outcomes = ExtractionResults(keypoints, tuple(digests), once, np.asarray(seconds, np.float32))
    name = begin_part(path, shard_key(digests), digests)
    finish_part(path, name, outcomes)
    return name


def begun_digests(path: str | Location, parts: Sequence[str]) -> Counter[Any]:
    """Return the images that work was begun on and not finished, and how often."""
    root = open_root(path)
    begun: Counter[Any] = Counter()
    for name in parts:
        with contextlib.suppress(*DAMAGE):  # or half deleted
            digests = _group(root, name).attrs.get("begun", [])
            begun.update(digests if isinstance(digests, list) else [])
    return begun


def shard_key(digests: Sequence[str]) -> str:
    """Return what the parts of one shard, and of nothing else, are named after."""
    return blake2b("".join(sorted(digests)).encode(), digest_size=8).hexdigest()


def begin_part(path: str | Location, key: str, digests: Sequence[str]) -> str:
    """Leave a mark that work on these images has begun; return the part's name."""
    name = f"{key}-{uuid.uuid4().hex[:8]}"
    attributes = {"package_version": version("poselift"), "begun": list(digests)}
    with writing(path):
        open_root(path, "r+").create_group(f"{_FOLDER}/{name}", attributes=attributes)
    return name


def finish_part(path: str | Location, name: str, outcomes: ExtractionResults) -> None:
    """Write the results of a part that was begun, and then its mark.

    Raises:
        PartGone: If it is deleted meanwhile, as one that nobody seemed to be working on.
    """
    root = open_root(path, "r+")
    with writing(path):
        part = _begun_group(root, name)
        write_arrays(part, outcomes)
        _begun_group(root, name)
        part.attrs.put({"package_version": version("poselift"), "done": True})


def read_part(path: str | Location, name: str) -> ExtractionResults:
    """Read a finished part; one that is damaged is deleted, for its images are to be done again.

    Raises:
        PartGone: If it is deleted meanwhile, or was damaged.
    """
    root = open_root(path)
    skeleton = skeleton_of(root)
    try:
        outcomes = read_outcomes(_group(root, name), skeleton)
    except (FileNotFoundError, *DAMAGE) as error:
        if _is_done(root, name):
            delete_part(path, name)
        raise PartGone(name) from error
    if not _is_done(root, name):  # a chunk that is not there would read as zeros
        raise PartGone(name)
    return outcomes


def delete_part(path: str | Location, name: str) -> None:
    """Take the mark away first, for a deletion may be stopped half way."""
    root = open_root(path, "r+")
    with writing(path):
        with contextlib.suppress(*DAMAGE):  # or another has done so, or was stopped half way
            _group(root, name).attrs.put({})
        del root[f"{_FOLDER}/{name}"]


def _group(root: zarr.Group, name: str) -> zarr.Group:
    group = root[f"{_FOLDER}/{name}"]
    if not isinstance(group, zarr.Group):
        raise KeyError(name)
    return group


def _begun_group(root: zarr.Group, name: str) -> zarr.Group:
    try:
        part = _group(root, name)
    except KeyError as error:
        raise PartGone(name) from error
    if "begun" not in part.attrs:
        raise PartGone(name)
    return part


def _is_done(root: zarr.Group, name: str) -> bool:
    try:
        part = _group(root, name)
    except KeyError:
        return False
    # A straggler may have marked a part that was deleted while it wrote: then digests lack.
    return bool(part.attrs.get("done")) and "images/digest" in part


@dataclass(frozen=True)
class _Index:
    """What is to be known of a finished part to choose among results."""

    name: str
    digest: np.ndarray
    status: Int[np.ndarray, "image"]
    attempts: Int[np.ndarray, "image"]


def _index(root: zarr.Group, name: str) -> _Index | None:
    """Read what a finished part holds; None if it is not finished, damaged, or no longer there."""
    try:
        if not _is_done(root, name):
            return None
        part = _group(root, name)
        index = _Index(
            name,
            _ascii(read_text(part, "images/digest")),
            read_status(part).astype(np.int8),
            read_attempts(part),
        )
        return index if _is_done(root, name) else None
    except (FileNotFoundError, *DAMAGE):
        return None


def _best(indices: Sequence[_Index]) -> Results:
    counts = [len(index.digest) for index in indices]
    digest = np.concatenate([np.empty(0, "S1"), *(index.digest for index in indices)])
    status = np.concatenate([np.empty(0, np.int8), *(index.status for index in indices)])
    attempts = np.concatenate([np.empty(0, np.int32), *(index.attempts for index in indices)])
    row = np.concatenate([np.empty(0, np.int32), *(np.arange(n, dtype=np.int32) for n in counts)])
    part = np.repeat(np.arange(len(indices), dtype=np.int32), counts)

    # Of two failures the one that knows of the other; of equals that of the larger part, so that
    # nothing needs the batches of which a shard was merged by one who died before their deletion.
    size = np.repeat(counts, counts)
    order = np.lexsort((-size, -attempts, status))
    order = order[np.argsort(digest[order], kind="stable")]
    digest = digest[order]
    first = np.ones(len(order), bool)
    first[1:] = digest[1:] != digest[:-1]
    best = order[first]
    names = tuple(index.name for index in indices)
    return Results(names, digest[first], part[best], row[best], status[best], attempts[best])


def _ascii(digests: Sequence[str]) -> np.ndarray:
    return np.array(digests, dtype=np.bytes_)
