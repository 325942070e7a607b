"""OpenPose over many images at once: several processes read and decode while a GPU computes.

An image goes through three stations. A worker process reads it and puts its views, prepared, into
a slot of shared memory. This process gathers views of one size to batches and has the network put
their maps into the same slots. A worker process finds the people in the maps, and the slot is free
for the next image. There are so many slots and no more, which bounds the memory.
"""

import os
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import Any, cast

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from torch import nn

from pose_lib.extraction import ImageResult, Picture, fault_result, people_result
from pose_lib.keypoints import People
from pose_lib.openpose.batch_network import (
    BatchNetwork,
    Computation,
    CudaNetwork,
    split_maps,
)
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.detector import people_in
from pose_lib.openpose.engine import Maps, Prepared
from pose_lib.openpose.models import STRIDE, BodyModel
from pose_lib.openpose.views import LEAST_SIDE, prepare, views_of
from pose_lib.skeleton import Skeleton
from pose_lib.worker_processes import Died, Job, WorkerProcesses

Read = Callable[[], Picture]
Shape = tuple[int, int]

_PAGE = 4096
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


@dataclass(frozen=True)
class Slots:
    """Where in the shared memory the views of an image under way, and their maps, lie.

    Attributes:
        input_bytes: Room for one prepared view.
        map_bytes: Room for its maps.
        views: Most views of an image.
        channels: Heatmaps and PAFs together.
        map_type: Number type of the maps.
    """

    input_bytes: int
    map_bytes: int
    views: int
    channels: int
    map_type: str

    @property
    def slot_bytes(self) -> int:
        return self.views * (self.input_bytes + self.map_bytes)

    def image(
        self, memory: memoryview, place: "Place", shape: Shape
    ) -> UInt8[np.ndarray, "height width 3"]:
        """Return a prepared view in its place."""
        return self._array(memory, self._start(place), np.uint8, (*shape, 3))

    def maps(
        self, memory: memoryview, place: "Place", shape: Shape
    ) -> Float[np.ndarray, "channel h w"]:
        """Return the maps of a view of that shape in their place."""
        cells = (self.channels, shape[0] // STRIDE, shape[1] // STRIDE)
        return self._array(memory, self._start(place) + self.input_bytes, self.map_type, cells)

    def _start(self, place: "Place") -> int:
        return place.slot * self.slot_bytes + place.view * (self.input_bytes + self.map_bytes)

    def _array(
        self, memory: memoryview, start: int, number_type: Any, shape: tuple[int, ...]
    ) -> np.ndarray:
        count = int(np.prod(shape))
        return np.frombuffer(memory, number_type, count, start).reshape(shape)


@dataclass(frozen=True)
class Place:
    """One view of the image in a slot."""

    slot: int
    view: int


@dataclass(frozen=True)
class ToRead:
    """An image to be read and prepared into a slot."""

    slot: int
    read: Read


@dataclass(frozen=True)
class Ready:
    """An image that lies prepared in its slot.

    Attributes:
        size: Width and height of the image itself.
        shapes: Height and width of each prepared view.
        seconds: What it took.
    """

    slot: int
    size: tuple[int, int]
    shapes: tuple[Shape, ...]
    seconds: float


@dataclass(frozen=True)
class ToDecode:
    """An image whose maps lie in its slot.

    Attributes:
        seconds: What all before took.
    """

    image: Ready
    seconds: float


@dataclass(frozen=True)
class ImageWork:
    """What worker processes do."""

    config: OpenPoseConfig
    model: BodyModel
    slots: Slots

    def __call__(self, memory: memoryview) -> Job:
        cv2.setNumThreads(1)  # there are as many processes as cores
        return lambda item: (
            self.read(memory, item) if isinstance(item, ToRead) else self.decode(memory, item)
        )

    def read(self, memory: memoryview, item: ToRead) -> Ready | ImageResult:
        """Read an image and put its views into its slot."""
        start = perf_counter()
        size = (0, 0)
        try:
            picture = item.read()
            size = (picture.shape[1], picture.shape[0])
            shapes = tuple(self._put(memory, item.slot, picture))
        except Exception as error:  # one picture must not take its batch along
            return fault_result(error, self.model.skeleton, size, perf_counter() - start)
        return Ready(item.slot, size, shapes, perf_counter() - start)

    def _put(self, memory: memoryview, slot: int, picture: Picture) -> Iterator[Shape]:
        height, width = picture.shape[:2]
        for number, view in enumerate(views_of(width, height, self.config)):
            prepared = prepare(picture, view)
            assert prepared.nbytes <= self.slots.input_bytes
            shape = prepared.shape[:2]
            self.slots.image(memory, Place(slot, number), shape)[...] = prepared
            yield shape

    def decode(self, memory: memoryview, item: ToDecode) -> ImageResult:
        """Find the people in the maps of an image."""
        start = perf_counter()
        image = item.image
        try:
            views = views_of(*image.size, self.config)
            maps = [
                self._maps(memory, Place(image.slot, number), shape)
                for number, shape in enumerate(image.shapes)
            ]
            people = people_in(maps, views, image.size, self.model, self.config)
        except Exception as error:
            took = item.seconds + perf_counter() - start
            return fault_result(error, self.model.skeleton, image.size, took)
        return people_result(people, image.size, item.seconds + perf_counter() - start)

    def _maps(self, memory: memoryview, place: Place, shape: Shape) -> Maps:
        maps = self.slots.maps(memory, place, shape).astype(np.float32)
        return split_maps(maps, len(self.model.skeleton) + 1)


class BatchDetector:
    """Finds people in images, many at once. ``load_detector`` makes one where there is a GPU.

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
    def n_slots(self) -> int:
        """Most images under way: enough to keep all at work, as memory allows."""
        batches = self.batches
        wanted = 2 * _CHUNK * batches.readers + 4 * batches.images
        return max(1, min(wanted, batches.shared_bytes // self.slots.slot_bytes))

    def detect(self, image: UInt8[np.ndarray, "height width 3"]) -> People:
        """Return the people in a BGR image, surest first, in its pixels."""
        height, width = image.shape[:2]
        views = views_of(width, height, self.config)
        maps = [self._maps_of(prepare(image, view)) for view in views]
        return people_in(maps, views, (width, height), self.model, self.config)

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


def gpu_detector(config: OpenPoseConfig, model: BodyModel, network: nn.Module) -> BatchDetector:
    """Return a detector on the current GPU, with a worker process for every core but one."""
    on_gpu = CudaNetwork(network, precision=config.precision)
    return BatchDetector(config, model, on_gpu, BatchConfig(max(1, usable_cores() - 1)))


def usable_cores() -> int:
    """Return the cores this process may use, which in a container are fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def slots_for(config: OpenPoseConfig, model: BodyModel, map_type: np.dtype) -> Slots:
    """Return slots with room for any image that these settings allow."""
    # What is shorter than the least side is filled up to it.
    pixels = max(config.max_input_pixels, LEAST_SIDE * max(LEAST_SIDE, config.input_height))
    channels = len(model.skeleton) + 1 + 2 * len(model.limbs)
    map_bytes = pixels // STRIDE**2 * channels * map_type.itemsize
    input_bytes, map_bytes = (-(-size // _PAGE) * _PAGE for size in (3 * pixels, map_bytes))
    views = len(config.scales) * (2 if config.mirror else 1)
    return Slots(input_bytes, map_bytes, views, channels, map_type.str)


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
    places: list[Place] = field(default_factory=list)


@dataclass(frozen=True)
class _Batch:
    places: list[Place]
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
            for item, answer in self._workers.answers(self._longest_wait()):
                self._take(item, answer)
            self._collect_batches()
            while n_yielded in self._results:
                yield self._results.pop(n_yielded)
                n_yielded += 1

    def _longest_wait(self) -> float | None:
        return _LOOK_AGAIN_SECONDS if self._batches else None

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
            bucket.places.append(Place(ready.slot, number))
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

    def _seen(self, place: Place, seconds: float) -> ToDecode | None:
        """Count off a view; return its image once that was the last."""
        image = self._under_way[place.slot]
        image.views_left -= 1
        image.seconds += seconds
        if image.views_left:
            return None
        return ToDecode(cast(Ready, image.ready), image.seconds)
