"""Collecting results from batches, in whatever order they are wanted."""

import functools
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Int

from pose_lib.files.locations import Location
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.skeleton import Skeleton, skeleton_named
from pose_lib.store.batches import Results, read_batch, shard_key, write_batch
from pose_lib.store.ledger import ExtractionResults, concatenate_results
from pose_lib.store.provenance import read_provenance
from pose_lib.store.schema import CHUNK_ROWS

NO_RESULT = "no result: its shard did not finish; run extract again"

_BLOCK_ROWS = 4 * CHUNK_ROWS  # images assembled at once: 15 MB of people or so
_FULL_BATCH = CHUNK_ROWS
_MOST_BATCHES = 200  # to open more takes seconds
_BATCHES_IN_MEMORY = 4


def compact(path: str | Location, results: Results, places: Int[np.ndarray, "image"]) -> list[str]:
    """Write what images need of many small batches as a few large ones; return those then needed.

    None where few batches are needed. Full ones are left alone, so that a store that grows is not
    written anew each time. Nothing is deleted.

    Args:
        places: Where the results of their contents are, -1 where there is none.
    """
    places = places[places >= 0]
    needed, counts = np.unique(results.file[np.unique(places)], return_counts=True)
    small = needed[counts < _FULL_BATCH]
    if len(needed) <= _MOST_BATCHES or len(small) < 2:
        return []
    of_small = places[np.isin(results.file[places], small)]
    _, first = np.unique(of_small, return_index=True)
    in_order_of_images = of_small[np.sort(first)]
    names = [results.files[number] for number in np.setdiff1d(needed, small).tolist()]
    provenance = read_provenance(path)
    for block in gather_blocks(path, results, in_order_of_images, _FULL_BATCH):
        names.append(write_batch(path, shard_key(block.digest), block, provenance))
    return sorted(names)  # as the next publication lists them


def gather_blocks(
    path: str | Location, results: Results, places: Int[np.ndarray, "image"], length: int = 0
) -> Iterator[ExtractionResults]:
    """Yield the results of images in their order, so many at a time; at least one block.

    Args:
        places: Where the results of their contents are, -1 where there is none: that image failed.
        length: Images of a block; by default as many as are published at once.

    Raises:
        NoBatchError: If a batch was deleted or damaged since it was indexed.
    """
    provenance, length = read_provenance(path), length or _BLOCK_ROWS
    skeleton = skeleton_named(provenance.skeleton)
    read = functools.lru_cache(_BATCHES_IN_MEMORY)(lambda name: read_batch(path, name, provenance))
    for start in range(0, max(len(places), 1), length):
        yield _gather(read, results, places[start : start + length], skeleton)


def _gather(
    read: Callable[[str], ExtractionResults],
    results: Results,
    places: Int[np.ndarray, "image"],
    skeleton: Skeleton,
) -> ExtractionResults:
    file = np.full(len(places), -1)
    file[places >= 0] = results.file[places[places >= 0]]
    pieces, came_from = [_no_results(0, skeleton)], [np.empty(0, int)]
    for number in np.unique(file).tolist():
        images = np.flatnonzero(file == number)
        came_from.append(images)
        if number < 0:
            pieces.append(_no_results(len(images), skeleton))
        else:
            pieces.append(read(results.files[number]).take(results.row[places[images]]))
    return concatenate_results(pieces).take(np.argsort(np.concatenate(came_from)))


def _no_results(count: int, skeleton: Skeleton) -> ExtractionResults:
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
    return ExtractionResults(
        keypoints, ("",) * count, np.zeros(count, int), np.zeros(count, np.float32)
    )
