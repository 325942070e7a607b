"""Collecting results from the parts of a keypoint store, in whatever order they are wanted."""

import functools
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Int

from pose_lib.files.locations import Location
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.skeleton import Skeleton
from pose_lib.store.batches import Results, begin_part, finish_part, read_part
from pose_lib.store.ledger import ExtractionResults, join_outcomes
from pose_lib.store.provenance import open_root, skeleton_of
from pose_lib.store.schema import CHUNK_ROWS

NO_RESULT = "no result: its shard did not finish; run extract again"

_BLOCK_ROWS = 4 * CHUNK_ROWS  # images assembled at once: 15 MB of people or so
_PARTS_IN_MEMORY = 8


def merge_parts(
    path: str | Location, key: str, results: Results, places: Int[np.ndarray, "result"]
) -> list[str]:
    """Write results into as few new parts of that key as their number allows; return their names.

    Raises:
        PartGone: If a part is deleted meanwhile.
    """
    names = []
    for block in gather_blocks(path, results, places):
        names.append(begin_part(path, key, block.digest))
        finish_part(path, names[-1], block)
    return names


def gather_blocks(
    path: str | Location, results: Results, places: Int[np.ndarray, "image"]
) -> Iterator[ExtractionResults]:
    """Yield the outcomes of images in their order, so many at a time; at least one block.

    Args:
        places: Where the results of their contents are, -1 where there is none: that image failed.

    Raises:
        PartGone: If a part is deleted meanwhile.
    """
    skeleton = skeleton_of(open_root(path))
    read = functools.lru_cache(_PARTS_IN_MEMORY)(functools.partial(read_part, path))
    for start in range(0, max(len(places), 1), _BLOCK_ROWS):
        yield _gather(read, results, places[start : start + _BLOCK_ROWS], skeleton)


def _gather(
    read: Callable[[str], ExtractionResults],
    results: Results,
    places: Int[np.ndarray, "image"],
    skeleton: Skeleton,
) -> ExtractionResults:
    """Collect the outcomes of these images from the parts."""
    part = np.full(len(places), -1)
    part[places >= 0] = results.part[places[places >= 0]]
    pieces, came_from = [_no_results(0, skeleton)], [np.empty(0, int)]
    for number in np.unique(part).tolist():
        images = np.flatnonzero(part == number)
        came_from.append(images)
        if number < 0:
            pieces.append(_no_results(len(images), skeleton))
        else:
            pieces.append(read(results.parts[number]).take(results.row[places[images]]))
    return join_outcomes(pieces).take(np.argsort(np.concatenate(came_from)))


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
