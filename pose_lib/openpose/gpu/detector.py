"""OpenPose over many images at once: several processes read and decode while a GPU computes.

An image goes through three stations. A worker process reads it and puts its views, prepared, into
a slot of shared memory. This process gathers views of one size to batches and has the network put
their maps into the same slots. A worker process finds the people in the maps, and the slot is free
for the next image. There are so many slots and no more, which bounds the memory.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import cast

import numpy as np
from jaxtyping import UInt8

from pose_lib.extract.image_result import ImageResult, fault_result
from pose_lib.keypoints import People
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.detector import OpenPoseDetector
from pose_lib.openpose.engine import Maps, Prepared
from pose_lib.openpose.gpu.network import BatchNetwork, Computation, split_maps
from pose_lib.openpose.gpu.worker import (
    ImageWork,
    Read,
    Ready,
    Shape,
    SlotIndex,
    ToDecode,
    ToRead,
    slots_for,
)
from pose_lib.openpose.models import STRIDE, BodyModel
from pose_lib.processes.pool import Died, WorkerProcesses
from pose_lib.skeleton import Skeleton

_CHUNK = 8
"""Images that one process reads in one go: frames of a video are quick to read only in order."""

_LOOK_AGAIN_SECONDS = 0.0005
"""How often a GPU at work is asked whether it is done, while nothing else happens."""


@dataclass(frozen=True)
class BatchConfig:
    """How images are brought together; none of it changes who is found.

    Attributes:
        readers: Worker processes. One reads, prepares and decodes some 150 images/s.
        images: Most images of a batch.
        pixels: Most pixels of a batch, for the GPU's memory; 32 images of 656x368.
        shared_bytes: Bound of the memory that all images under way share.
    """

    readers: int
    images: int = 32
    pixels: int = 32 * 656 * 368
    shared_bytes: int = 2 << 30

    def __post_init__(self) -> None:
        for name in ("readers", "images", "pixels", "shared_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def full(self, shape: Shape) -> int:
        """Return how many inputs of that height and width make a full batch."""
        height, width = shape
        return max(1, min(self.images, self.pixels // (height * width)))


class BatchDetector:
    """Finds people in images, many at once. ``load_openpose`` makes one where there is a GPU.

    Its worker processes start with the first images and live as long as the detector. Not for
    several threads at once.
    """

    def __init__(
        self,
        config: OpenPoseConfig,
        model: BodyModel,
        network: BatchNetwork,
        batches: BatchConfig,
    ) -> None:
        self.config = config
        self.model = model
        self.network = network
        self.batches = batches
        self.slots = slots_for(config, model, network.map_type)
        self._workers: WorkerProcesses | None = None

    @property
    def skeleton(self) -> Skeleton:
        """Names and order of the joints it finds."""
        return self.model.skeleton

    @property
    def min_side(self) -> int:
        """Pixels that both sides of an image should keep."""
        return self.config.input_height

    @property
    def n_slots(self) -> int:
        """Most images under way: enough to keep all at work, as memory allows."""
        batches = self.batches
        wanted = 2 * _CHUNK * batches.readers + 4 * batches.images
        return max(1, min(wanted, batches.shared_bytes // self.slots.slot_bytes))

    def detect(self, image: UInt8[np.ndarray, "height width 3"]) -> People:
        """Return the people in a BGR image, highest score first, in its pixels."""
        return OpenPoseDetector(self.config, self.model, self._maps_of).detect(image)

    def detect_many(self, reads: Iterable[Read]) -> Iterator[ImageResult]:
        """Yield what became of each image, in order.

        Args:
            reads: Go to other processes to be called there. Consecutive ones mostly go together.
        """
        if self._workers is None:
            self._workers = self._start_workers()
        try:
            yield from _Run(self, self._workers, reads).results()
        except BaseException:
            self.close()  # what was left undone would come up in the next run
            raise

    def close(self) -> None:
        """End the worker processes; more images start others."""
        workers, self._workers = self._workers, None
        if workers is None:
            return
        try:
            self.network.unpin(workers.memory)
        finally:
            workers.close()

    def _start_workers(self) -> WorkerProcesses:
        work = ImageWork(self.config, self.model, self.slots)
        n_bytes = self.n_slots * self.slots.slot_bytes
        workers = WorkerProcesses(self.batches.readers, work, n_bytes=n_bytes)
        self.network.pin(workers.memory)
        return workers

    def _maps_of(self, prepared: Prepared) -> Maps:
        height, width = prepared.shape[:2]
        cells = (self.slots.channels, height // STRIDE, width // STRIDE)
        maps = np.empty(cells, self.slots.map_type)
        self.network.start([prepared], [maps]).wait()
        return split_maps(maps.astype(np.float32), len(self.skeleton) + 1)


@dataclass
class _Image:
    """An image under way: its place in the order, and what is known of it so far."""

    index: int
    ready: Ready | None = None
    views_left: int = 0
    seconds: float = 0.0


@dataclass
class _Bucket:
    """Views of one size that wait for a batch.

    Attributes:
        since: How many images were ready when the first of them was.
    """

    since: int
    places: list[SlotIndex] = field(default_factory=list)


@dataclass(frozen=True)
class _Batch:
    places: list[SlotIndex]
    computation: Computation


class _Run:
    """Many images on their way through the stations."""

    def __init__(
        self, detector: BatchDetector, workers: WorkerProcesses, reads: Iterable[Read]
    ) -> None:
        self._detector = detector
        self._slots = detector.slots
        self._workers = workers
        self._reads = enumerate(reads)
        self._all_read = False
        self._free = list(range(detector.n_slots))
        self._under_way: dict[int, _Image] = {}
        self._n_reading = 0
        self._n_ready = 0
        self._buckets: OrderedDict[Shape, _Bucket] = OrderedDict()
        self._batches: deque[_Batch] = deque()
        self._results: dict[int, ImageResult] = {}

    def results(self) -> Iterator[ImageResult]:
        """Yield the results in the order of the images."""
        n_yielded = 0
        while True:
            self._hand_out()
            self._start_batches()
            if not self._under_way:
                return
            for item, answer in self._workers.answers(
                _LOOK_AGAIN_SECONDS if self._batches else None
            ):
                self._take(item, answer)
            self._collect_batches()
            while n_yielded in self._results:
                yield self._results.pop(n_yielded)
                n_yielded += 1

    def _hand_out(self) -> None:
        """Give processes images to read that have no maps to decode."""
        while self._free and not self._all_read and self._workers.wants_work:
            chunk = list(islice(self._reads, min(_CHUNK, len(self._free))))
            if not chunk:
                self._all_read = True
                return
            items = []
            for index, read in chunk:
                slot = self._free.pop()
                self._under_way[slot] = _Image(index)
                items.append(ToRead(slot, read))
            self._n_reading += len(items)
            self._workers.submit(items)

    def _take(self, item: ToRead | ToDecode, answer: Ready | ImageResult | Died) -> None:
        if isinstance(item, ToRead):
            self._n_reading -= 1
        if isinstance(answer, Ready):
            self._queue_views(answer)
            return
        slot = item.slot if isinstance(item, ToRead) else item.image.slot
        if isinstance(answer, Died):
            size = (0, 0) if isinstance(item, ToRead) else item.image.size
            answer = fault_result(ChildProcessError(answer), self._detector.skeleton, size, 0.0)
        self._results[self._under_way.pop(slot).index] = answer
        self._free.append(slot)

    def _queue_views(self, ready: Ready) -> None:
        image = self._under_way[ready.slot]
        image.ready, image.views_left, image.seconds = ready, len(ready.shapes), ready.seconds
        self._n_ready += 1
        for number, shape in enumerate(ready.shapes):
            bucket = self._buckets.setdefault(shape, _Bucket(self._n_ready))
            bucket.places.append(SlotIndex(ready.slot, number))
            if len(bucket.places) >= self._detector.batches.full(shape):
                self._start_batch(shape)

    def _start_batches(self) -> None:
        """Start the batches that no longer wait to be full.

        A view waits while at most half as many images as there are slots become ready, so that
        at most half of the slots wait; and while there is any image to come.
        """
        patience = self._detector.n_slots // 2
        none_to_come = not self._n_reading and (self._all_read or not self._free)
        for shape, bucket in list(self._buckets.items()):  # the first to have begun comes first
            if none_to_come or self._n_ready - bucket.since >= patience:
                self._start_batch(shape)

    def _start_batch(self, shape: Shape) -> None:
        places = self._buckets.pop(shape).places
        memory = self._workers.memory
        images = [self._slots.image(memory, place, shape) for place in places]
        maps = [self._slots.maps(memory, place, shape) for place in places]
        self._batches.append(_Batch(places, self._detector.network.start(images, maps)))

    def _collect_batches(self) -> None:
        """Have the people found in the maps of batches that are done, the first ones first."""
        while self._batches and self._batches[0].computation.done():
            batch = self._batches.popleft()
            share = batch.computation.seconds() / len(batch.places)
            decodable = [item for place in batch.places if (item := self._seen(place, share))]
            for first in range(0, len(decodable), _CHUNK):
                self._workers.submit(decodable[first : first + _CHUNK])

    def _seen(self, place: SlotIndex, seconds: float) -> ToDecode | None:
        """Count off a view; return its image once that was the last."""
        image = self._under_way[place.slot]
        image.views_left -= 1
        image.seconds += seconds
        if image.views_left:
            return None
        return ToDecode(cast(Ready, image.ready), image.seconds)
