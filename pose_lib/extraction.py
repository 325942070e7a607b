"""From pictures to people, with a ledger row for every picture whatever happens to it."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, UInt8

from pose_lib.formats.image_decoding import MAX_PIXELS, ImageTooLarge, UnreadableImage
from pose_lib.formats.images import ChangedImage
from pose_lib.formats.locations import UnreachableError
from pose_lib.keypoints import ImageStatus, Keypoints, People
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.person_choice import PersonChoice
from pose_lib.skeleton import Skeleton

Picture = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class ExtractConfig:
    """What is extracted, and in what pieces.

    Attributes:
        detector: Name of what finds the people: openpose, or another that is installed.
        openpose: How OpenPose finds them; part of a store's identity.
        choice: Who of those found is used further on. All stay in the store.
        images_per_shard: Images of one task, by default 10 to 20 seconds of work: 128, or 16,384
            where OpenPose has a GPU; raised where there would be more than 100 tasks otherwise.
        images_per_batch: Images that are lost, and computed again, where a worker dies; by default
            as many as take 5 seconds, and at least 64, or 4,096 where OpenPose has a GPU. After
            each batch its results are written, which takes up to 60 ms.
        max_pixels: An image of more pixels counts as failed, so that one file cannot take all
            memory; it is tried again in every run.
        max_failed_share: Of all images, how many may be unreadable or failed, 0 to 1; above it the
            run counts as failed. All results are kept all the same.
        wait_seconds: How long to wait where another run holds the store; 0 to give up at once.
    """

    detector: str = "openpose"
    openpose: OpenPoseConfig = field(default_factory=OpenPoseConfig)
    choice: PersonChoice = field(default_factory=PersonChoice)
    images_per_shard: int | None = None
    images_per_batch: int | None = None
    max_pixels: int = MAX_PIXELS
    max_failed_share: float = 0.05
    wait_seconds: float = 600.0

    def __post_init__(self) -> None:
        if not 0 <= self.max_failed_share <= 1:
            raise ValueError(f"max_failed_share must be 0 to 1, got {self.max_failed_share}")
        if not self.wait_seconds >= 0:
            raise ValueError(f"wait_seconds must not be negative, got {self.wait_seconds}")
        for name in ("images_per_shard", "images_per_batch", "max_pixels"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


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
