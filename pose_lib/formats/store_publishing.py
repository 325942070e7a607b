"""Assembling what readers of a keypoint store see, from its finished parts."""

import functools
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np
import zarr
from jaxtyping import Bool, Int

from pose_lib.formats.keypoint_arrays import (
    CHUNK_ROWS,
    append_arrays,
    read_array,
    read_arrays,
    write_arrays,
    write_chosen,
)
from pose_lib.formats.locations import Location
from pose_lib.formats.person_choice import apply_choice, check_choice, choice_record, choice_source
from pose_lib.formats.published_store import read_keypoints, read_ledger
from pose_lib.formats.store_parts import (
    PartGone,
    Results,
    begin_part,
    delete_part,
    finish_part,
    finished,
    part_names,
    read_part,
    shard_key,
)
from pose_lib.formats.store_root import open_root, skeleton_of, writing
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.ledger import LedgerTable, Outcomes, join_outcomes
from pose_lib.person_choice import EVERYBODY, PersonChoice
from pose_lib.skeleton import Skeleton

NO_RESULT = "no result: its shard did not finish; run extract again"

_EDITION = "1"
"""To be raised with every change of what is published of the same results."""

_MOST_SHARDS = 200  # two full runs; opening more takes seconds
_BLOCK_ROWS = 4 * CHUNK_ROWS  # images assembled at once: 15 MB of people or so
_PARTS_IN_MEMORY = 8
_MOST_TRIES = 5  # while a straggler of another attempt goes on merging


def publish(
    path: str | Location,
    names: Sequence[str],
    digests: Mapping[str, str],
    *,
    stamps: Mapping[str, str] | None = None,
    root: str | Location | None = None,
    choice: PersonChoice = EVERYBODY,
) -> LedgerTable:
    """Assemble what readers see from the finished parts, for exactly these images.

    Interrupted at any point it can be run again. Parts that no image needs are deleted at the end.
    Everybody found stays in the store, chosen or not. Where all is published already, nothing is
    written.

    Args:
        names: All images, sorted.
        digests: Hash of each name's content.
        stamps: What the file system said of each name's file before it was hashed.
        root: The folder that the names are relative to, kept so that images can be read again.
        choice: Who is used further on.

    Returns:
        The published ledger. An image without a result has the status failed.

    Raises:
        InputError: If the annotations to choose by cannot be read, or are about other images, or
            the store cannot be written to.
    """
    check_choice(choice, names)
    for _ in range(_MOST_TRIES - 1):
        try:
            return _publish(path, names, digests, stamps or {}, root, choice)
        except PartGone:
            continue
    return _publish(path, names, digests, stamps or {}, root, choice)


def choose_again(path: str | Location, choice: PersonChoice) -> Keypoints:
    """Choose among the published people anew, without looking at an image; return them.

    Raises:
        InputError: As `read_keypoints` and `publish` do.
    """
    keypoints = apply_choice(read_keypoints(path), choice)
    store = open_root(path, mode="r+")
    with writing(path):
        store.attrs.update({"published": None, "published_from": None})
        _finish_publishing(store, keypoints.chosen, choice)
    return keypoints


def _publish(
    path: str | Location,
    names: Sequence[str],
    digests: Mapping[str, str],
    stamps: Mapping[str, str],
    root: str | Location | None,
    choice: PersonChoice,
) -> LedgerTable:
    wanted = [digests[name] for name in names]
    results = finished(path)
    places = results.find(wanted)
    if len(_parts_of(results, places)) > _MOST_SHARDS:
        results = _merged(path, results, np.unique(places[places >= 0]))
        places = results.find(wanted)
    stamp = [stamps.get(name, "") for name in names]
    seal = _seal((names, wanted, stamp, [str(root), str(choice_source(choice))]), results, places)
    store = open_root(path, mode="r+")
    if not (store.attrs.get("published") and store.attrs.get("published_from") == seal):
        with writing(path):
            store.attrs.update({"published": None, "published_from": seal})
            _write_blocks(store, _blocks(path, names, wanted, results, places), stamp)
            store.attrs["root"] = str(root) if root else None
            _finish_publishing(store, _chosen(store, choice), choice)
    for name in set(part_names(path)) - _parts_of(results, places):
        delete_part(path, name)
    return read_ledger(path)


def _parts_of(results: Results, places: Int[np.ndarray, "image"]) -> set[str]:
    numbers = np.unique(results.part[places[places >= 0]])
    return {results.parts[number] for number in numbers.tolist()}


def _seal(
    columns: Sequence[Sequence[str]], results: Results, places: Int[np.ndarray, "image"]
) -> str:
    """Return a hash of all that is published, so that publishing it again can be left out."""
    seal = blake2b(_EDITION.encode(), digest_size=16)
    for column in (*columns, results.parts):
        seal.update("\n".join(column).encode("utf-8", "surrogatepass") + b"\0")
    found = places[places >= 0]
    for numbers in (places < 0, results.part[found], results.row[found]):
        seal.update(np.ascontiguousarray(numbers).tobytes())
    return seal.hexdigest()


def _blocks(
    path: str | Location,
    names: Sequence[str],
    wanted: Sequence[str],
    results: Results,
    places: Int[np.ndarray, "image"],
) -> Iterator[Outcomes]:
    """Yield the outcomes of these images in their order, so many at a time; at least one block."""
    skeleton = skeleton_of(open_root(path))
    read = functools.lru_cache(_PARTS_IN_MEMORY)(functools.partial(read_part, path))
    for start in range(0, max(len(names), 1), _BLOCK_ROWS):
        here = slice(start, start + _BLOCK_ROWS)
        block = _gather(read, results, places[here], skeleton)
        named = replace(block.keypoints, filename=tuple(names[here]))
        yield replace(block, keypoints=named, digest=tuple(wanted[here]))


def _gather(
    read: Callable[[str], Outcomes],
    results: Results,
    places: Int[np.ndarray, "image"],
    skeleton: Skeleton,
) -> Outcomes:
    """Collect the outcomes of these images from the parts."""
    part = np.where(places >= 0, np.append(results.part, 0)[places], -1)
    pieces, came_from = [_no_results(0, skeleton)], [np.empty(0, int)]
    for number in np.unique(part).tolist():
        images = np.flatnonzero(part == number)
        came_from.append(images)
        if number < 0:
            pieces.append(_no_results(len(images), skeleton))
        else:
            pieces.append(read(results.parts[number]).take(results.row[places[images]]))
    return join_outcomes(pieces).take(np.argsort(np.concatenate(came_from)))


def _no_results(count: int, skeleton: Skeleton) -> Outcomes:
    """Return what stands in the ledger for images whose shard never finished."""
    keypoints = Keypoints(
        skeleton=skeleton,
        filename=("",) * count,
        size=np.zeros((count, 2), np.int32),
        status=np.full(count, ImageStatus.FAILED, np.int64),
        reason=(NO_RESULT,) * count,
        keypoints=np.zeros((0, len(skeleton), 3), np.float32),
        image=np.zeros(0, np.int64),
        score=np.zeros(0, np.float32),
    )
    return Outcomes(keypoints, ("",) * count, np.zeros(count, int), np.zeros(count, np.float32))


def _write_blocks(store: zarr.Group, blocks: Iterator[Outcomes], stamps: Sequence[str]) -> None:
    start = 0
    for block in blocks:
        stop = start + len(block)
        if start == 0:
            chunk = CHUNK_ROWS if stop < len(stamps) else 1
            write_arrays(store, block, stamps[:stop], overwrite=True, least_chunk=chunk)
        else:
            append_arrays(store, block, stamps[start:stop])
        start = stop


def _chosen(store: zarr.Group, choice: PersonChoice) -> Bool[np.ndarray, "person"]:
    """Tell who of the people in the store is chosen."""
    if choice.rule == EVERYBODY.rule:  # without loading them
        return np.ones(len(read_array(store, "people/score")), bool)
    return apply_choice(read_arrays(store, skeleton_of(store)), choice).chosen


def _finish_publishing(
    store: zarr.Group, chosen: Bool[np.ndarray, "person"], choice: PersonChoice
) -> None:
    """Write who is chosen, why, and last that all is there."""
    write_chosen(store, chosen)
    store.attrs["person_choice"] = choice_record(chosen, choice)
    store.attrs["published"] = uuid.uuid4().hex


def _merged(path: str | Location, results: Results, places: Int[np.ndarray, "result"]) -> Results:
    """Put results into a few new parts, lest many small runs pile up many small ones."""
    wanted = [digest.decode() for digest in results.digest[places].tolist()]
    names = []
    for block in _blocks(path, wanted, wanted, results, places):
        names.append(begin_part(path, shard_key(block.digest), block.digest))
        finish_part(path, names[-1], block)
    return finished(path, names)
