"""Working on one shard of images so that a death at any moment costs one batch at most.

Before a batch a mark is left, after it its results are written as one file and the mark is removed.
A shard that is worked on again reads the results of its own key, and leaves alone what is done.
What was begun and not done is done one image at a time in a child process, for one of the images
may have killed whoever worked on them. Two who work on one shard at the same time do double work
and no harm.
"""

import contextlib
import functools
import itertools
import mmap
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pose_lib.errors import InputError
from pose_lib.extract.detector import PersonDetector, extract_images
from pose_lib.extract.image_result import (
    ImageResult,
    Picture,
    at_full_size,
    extract_image,
    fault_result,
    join_results,
)
from pose_lib.files.locations import Location, UnreachableError
from pose_lib.images.source import ChangedImage, ImageSource
from pose_lib.keypoints import ImageStatus
from pose_lib.processes.host import host_name
from pose_lib.processes.pool import MOST_DEATHS, Died, Job, WorkerProcesses
from pose_lib.store.batches import (
    Results,
    begin_batch,
    begun_digests,
    end_batch,
    finished,
    shard_key,
    write_batch,
)
from pose_lib.store.ledger import ExtractionResults
from pose_lib.store.provenance import Provenance, other_settings
from pose_lib.store.schema import CHUNK_ROWS

_Reads = Iterator[Callable[[], Picture]]
_Tried = tuple[ImageResult, int]  # and how often the image was worked on for it
_FAULTS = (ImageStatus.UNREADABLE, ImageStatus.FAILED)


@dataclass(frozen=True)
class ShardImage:
    """One image to be worked on.

    Attributes:
        digest: Hash of its content.
        read: Gives the picture, maybe smaller than it is; may be called in another process.
        full_size: Gives the width and height of the image that was read at such a size.
        tried: How often it was worked on in earlier runs.
    """

    name: str
    digest: str
    read: Callable[[], Picture]
    full_size: Callable[[tuple[int, int]], tuple[int, int]]
    tried: int = 0


@dataclass(frozen=True)
class ShardWork:
    """How images of a shard become results.

    Attributes:
        detector: Finds the people.
        load_alone: Makes the same detector in a child process; goes there through a pipe.
        pace: How long batches are.
        provenance: What the results depend on beside the images.
    """

    detector: PersonDetector
    load_alone: Callable[[], PersonDetector]
    pace: "BatchSizer"
    provenance: Provenance


class BatchSizer:
    """How many images the next batch has, going by how long the last one took.

    One for all shards of a worker: many a shard is then a single batch.

    Attributes:
        least: Images of a batch, at least.
        length: Images of the next batch.
    """

    def __init__(self, least: int, seconds: float = 0.0) -> None:
        """Begin with the least; batches that take less time than these seconds grow."""
        if least < 1:
            raise ValueError(f"a batch must have at least 1 image, got {least}")
        self.least = self.length = least
        self._seconds = seconds

    def tell(self, n_images: int, seconds: float) -> None:
        """Say how long a batch took."""
        if n_images < self.length and seconds < self._seconds:
            return  # the last of a shard, which says little
        fitting = n_images * self._seconds / max(seconds, 1e-6)
        # Step by step, for the images to come may take longer.
        self.length = int(max(self.least, min(fitting, 4 * n_images, CHUNK_ROWS)))


def work_on_shard(store: Location, images: Sequence[ShardImage], work: ShardWork) -> None:
    """Find the people in the images, and keep the results in the store.

    Goes on with what an earlier attempt has left.

    Args:
        images: Of different contents.

    Raises:
        InputError: If the store cannot be written to, or is for results of other settings.
    """
    if found := other_settings(store, work.provenance):
        raise InputError(
            f"the worker on {host_name()} finds people by other settings than those of {store}: "
            f"{found}; give all workers the same weights and packages"
        )
    key = shard_key([image.digest for image in images])
    begun = begun_digests(store, key)
    missing = _without_result(images, finished(store, key))
    suspects = [image for image in missing if image.digest in begun]
    others = [image for image in missing if image.digest not in begun]
    _work_in_batches(store, key, suspects, work, begun, functools.partial(_one_by_one, work))
    _work_in_batches(store, key, others, work, begun, functools.partial(_together, work))


def _without_result(images: Sequence[ShardImage], results: Results) -> list[ShardImage]:
    """Return the images that this run has no result of yet; a fault of an earlier run is none."""
    places = results.find([image.digest for image in images])

    def has_result(image: ShardImage, place: int) -> bool:
        if place < 0:
            return False
        is_new = int(results.attempts[place]) > image.tried
        return is_new or int(results.status[place]) not in _FAULTS

    found = zip(images, places.tolist(), strict=True)
    return [image for image, place in found if not has_result(image, place)]


def _work_in_batches(
    store: Location,
    key: str,
    images: Sequence[ShardImage],
    work: ShardWork,
    died: Mapping[str, int],
    find: Callable[[_Reads], Generator[_Tried, None, None]],
) -> None:
    """Work through images; a batch is begun when the first of its images is asked for.

    Args:
        died: How often whoever had begun each image did not come to its end.
    """
    begun: deque[tuple[Location, Sequence[ShardImage]]] = deque()
    since = time.monotonic()

    def reads() -> _Reads:
        left = images
        while left:
            length = work.pace.length
            batch, left = left[:length], left[length:]
            begun.append((begin_batch(store, key, [image.digest for image in batch]), batch))
            yield from (image.read for image in batch)

    try:
        with contextlib.closing(find(reads())) as results:
            for first in results:
                mark, batch = begun[0]
                of_batch = [first, *itertools.islice(results, len(batch) - 1)]
                write_batch(store, key, _table(batch, of_batch, died, work), work.provenance)
                end_batch(store, mark)
                begun.popleft()
                now = time.monotonic()
                work.pace.tell(len(batch), now - since)
                since = now
    except BaseException:
        # This process lives, so none of the images is suspected of having killed it.
        for mark, _ in begun:
            with contextlib.suppress(Exception):
                end_batch(store, mark)
        raise


def _together(work: ShardWork, reads: _Reads) -> Generator[_Tried, None, None]:
    yield from ((result, 1) for result in extract_images(reads, work.detector))


def _one_by_one(work: ShardWork, reads: _Reads) -> Generator[_Tried, None, None]:
    """Yield what became of each image, also of one that kills the process that it is in."""
    first = next(reads, None)
    if first is None:  # and no process is started
        return
    alone = WorkerProcesses(1, _Alone(work.load_alone), n_bytes=mmap.PAGESIZE)
    with contextlib.closing(alone) as workers:
        for read in itertools.chain([first], reads):
            match workers.answer(read):
                case Died() as death:
                    error = ChildProcessError(death)
                    yield fault_result(error, work.detector.skeleton, (0, 0), 0.0), MOST_DEATHS
                case UnreachableError() as outage:
                    raise outage
                case result:
                    yield result, 1


@dataclass(frozen=True)
class _Alone:
    """Finding people in a process of its own, one image at a time."""

    load: Callable[[], PersonDetector]

    def __call__(self, memory: memoryview) -> Job:  # noqa: ARG002 - the form of a job
        detector = self.load()

        def find(read: Callable[[], Picture]) -> ImageResult | UnreachableError:
            try:
                return extract_image(read, detector.detect, detector.skeleton)
            except UnreachableError as outage:  # as an answer, so that it stays what it is
                return outage

        return find


def _table(
    images: Sequence[ShardImage], tried: Sequence[_Tried], died: Mapping[str, int], work: ShardWork
) -> ExtractionResults:
    """Put the results of images, each with how often it was tried for it, into one table."""
    together = list(zip(images, tried, strict=True))
    rows = [at_full_size(result, image.full_size) for image, (result, _) in together]
    attempts = [image.tried + died.get(image.digest, 0) + n for image, (_, n) in together]
    return ExtractionResults(
        join_results([image.name for image in images], rows, work.detector.skeleton),
        tuple(image.digest for image in images),
        np.array(attempts, np.int32),
        np.array([row.seconds for row in rows], np.float32),
    )


def scanned_images(
    source: ImageSource, names: Mapping[str, str], tried: Mapping[str, int]
) -> list[ShardImage]:
    """Return the images of these names.

    Args:
        names: By the hash of the image's content.
        tried: How often images were worked on in earlier runs, where they were.
    """
    # Of a source of one name each, for it may go to another process.
    images = [_ScannedImage(source.only((name,)), name, digest) for digest, name in names.items()]
    return [
        ShardImage(image.name, image.digest, image.read, image.full_size, tried.get(image.name, 0))
        for image in images
    ]


class _ScannedImage:
    """An image whose own size is known once it was read, even if it was read smaller than it is."""

    def __init__(self, source: ImageSource, name: str, digest: str) -> None:
        self.source, self.name, self.digest = source, name, digest
        self._size: tuple[int, int] | None = None

    def read(self) -> Picture:
        picture, self._size = self.source.read_sized(self.name, digest=self.digest)
        return picture

    def full_size(self, size: tuple[int, int]) -> tuple[int, int]:
        if self._size is not None:
            return self._size
        full = self.source.full_size(self.name, size)  # it was read in another process
        if full != size and self.source.digest(self.name) != self.digest:
            raise ChangedImage("changed or deleted while the run went on")
        return full
