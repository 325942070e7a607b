"""From pictures to people, with a ledger row for every picture whatever happens to it."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

from pose_lib.files.locations import UnreachableError
from pose_lib.images.decode import ImageTooLarge, UnreadableImage
from pose_lib.images.source import ChangedImage
from pose_lib.keypoints import ImageStatus, Keypoints, People
from pose_lib.skeleton import Skeleton

Picture = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class ImageResult:
    """What became of one image.

    Attributes:
        people: Those found, in pixels of the image; none where it could not be read.
        size: Width and height, 0 0 where it could not be read.
        reason: Why there is nothing, empty where all is fine.
        seconds: Reading and detection together.
    """

    status: ImageStatus
    people: People
    size: tuple[int, int]
    reason: str
    seconds: float


def extract_image(
    read: Callable[[], Picture], detect: Callable[[Picture], People], skeleton: Skeleton
) -> ImageResult:
    """Read one picture and find its people; a picture at fault gives a result that says so."""
    start = time.perf_counter()
    size = (0, 0)
    try:
        picture = read()
        size = (picture.shape[1], picture.shape[0])
        people = detect(picture)
    except Exception as error:  # one picture must not take its shard along
        return fault_result(error, skeleton, size, time.perf_counter() - start)
    return people_result(people, size, time.perf_counter() - start)


def people_result(people: People, size: tuple[int, int], seconds: float) -> ImageResult:
    """Return what became of an image in which these people were found, if any."""
    if len(people):
        return ImageResult(ImageStatus.OK, people, size, "", seconds)
    return ImageResult(ImageStatus.NO_PERSON, people, size, "no person found", seconds)


def fault_result(
    error: Exception, skeleton: Skeleton, size: tuple[int, int], seconds: float
) -> ImageResult:
    """Return what became of an image that could not be read or dealt with.

    Raises:
        UnreachableError: If it is that, for it is no fault of the image.
    """
    if isinstance(error, UnreachableError):
        raise error
    nobody = People(np.empty((0, len(skeleton), 3), np.float32), np.empty(0, np.float32))
    if isinstance(error, UnreadableImage):
        # Too large is failed, not unreadable: a higher limit may allow it. And changed is failed:
        # there may be an image again.
        may_pass = isinstance(error, ImageTooLarge | ChangedImage)
        status = ImageStatus.FAILED if may_pass else ImageStatus.UNREADABLE
        return ImageResult(status, nobody, size, str(error), seconds)
    return ImageResult(ImageStatus.FAILED, nobody, size, _one_line(error), seconds)


def at_full_size(
    result: ImageResult, full_size: Callable[[tuple[int, int]], tuple[int, int]]
) -> ImageResult:
    """Return the result of an image that was maybe read smaller than it is, in its own pixels.

    Args:
        full_size: The image's own size for the one it was read at, a half, quarter or eighth of it
            rounded up.
    """
    if result.size == (0, 0):
        return result
    people = result.people
    try:
        size = full_size(result.size)
    except UnreadableImage as error:  # it changed or went away meanwhile
        nobody = People(people.keypoints[:0], people.score[:0])
        return ImageResult(ImageStatus.FAILED, nobody, (0, 0), str(error), result.seconds)
    keypoints = people.keypoints.copy()
    # A reduced pixel is a whole number of pixels wide; the last one may reach beyond the image.
    scale = np.ceil(np.array(size) / np.array(result.size)).astype(np.float32)
    keypoints[..., :2] = (keypoints[..., :2] + 0.5) * scale - 0.5
    return replace(result, size=size, people=People(keypoints, people.score))


def join_results(
    names: Iterable[str], results: Iterable[ImageResult], skeleton: Skeleton
) -> Keypoints:
    """Put the results of single images, in the order of their names, into one table."""
    rows = list(results)
    return Keypoints(
        skeleton=skeleton,
        filename=tuple(names),
        size=np.array([row.size for row in rows], np.int32).reshape(-1, 2),
        status=np.array([row.status for row in rows], np.int64),
        reason=tuple(row.reason for row in rows),
        keypoints=_joined([row.people.keypoints for row in rows], (0, len(skeleton), 3)),
        image=np.repeat(np.arange(len(rows)), [len(row.people) for row in rows]),
        score=_joined([row.people.score for row in rows], (0,)),
    )


def _joined(parts: list[np.ndarray], empty: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    return np.concatenate([np.empty(empty, np.float32), *parts]).astype(np.float32)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
