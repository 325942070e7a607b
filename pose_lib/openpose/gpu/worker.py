"""What worker processes do to an image: read and prepare it, and find the people in its maps.

In between, its views and their maps lie in a slot of memory that all processes share.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from pose_lib.extract.image_result import ImageResult, Picture, fault_result, people_result
from pose_lib.openpose.config import MIN_SIDE, OpenPoseConfig
from pose_lib.openpose.gpu.network import split_maps
from pose_lib.openpose.models import STRIDE, BodyModel
from pose_lib.openpose.people import people_in
from pose_lib.openpose.views import prepare, views_of
from pose_lib.processes.pool import Job

Read = Callable[[], Picture]
Shape = tuple[int, int]

_PAGE = 4096


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
        self, memory: memoryview, place: "SlotIndex", shape: Shape
    ) -> UInt8[np.ndarray, "height width 3"]:
        """Return a prepared view in its place."""
        return self._array(memory, self._start(place), np.uint8, (*shape, 3))

    def maps(
        self, memory: memoryview, place: "SlotIndex", shape: Shape
    ) -> Float[np.ndarray, "channel h w"]:
        """Return the maps of a view of that shape in their place."""
        cells = (self.channels, shape[0] // STRIDE, shape[1] // STRIDE)
        return self._array(memory, self._start(place) + self.input_bytes, self.map_type, cells)

    def _start(self, place: "SlotIndex") -> int:
        return place.slot * self.slot_bytes + place.view * (self.input_bytes + self.map_bytes)

    def _array(
        self, memory: memoryview, start: int, number_type: Any, shape: tuple[int, ...]
    ) -> np.ndarray:
        count = int(np.prod(shape))
        return np.frombuffer(memory, number_type, count, start).reshape(shape)


def slots_for(config: OpenPoseConfig, model: BodyModel, map_type: np.dtype) -> Slots:
    """Return slots with room for any image that these settings allow."""
    # What is shorter than the least side is filled up to it.
    pixels = max(config.max_input_pixels, MIN_SIDE * max(MIN_SIDE, config.input_height))
    channels = len(model.skeleton) + 1 + 2 * len(model.limbs)
    map_bytes = pixels // STRIDE**2 * channels * map_type.itemsize
    input_bytes, map_bytes = (-(-size // _PAGE) * _PAGE for size in (3 * pixels, map_bytes))
    views = len(config.scales) * (2 if config.mirror else 1)
    return Slots(input_bytes, map_bytes, views, channels, map_type.str)


@dataclass(frozen=True)
class SlotIndex:
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
            self.slots.image(memory, SlotIndex(slot, number), shape)[...] = prepared
            yield shape

    def decode(self, memory: memoryview, item: ToDecode) -> ImageResult:
        """Find the people in the maps of an image."""
        start = perf_counter()
        image = item.image
        try:
            views = views_of(*image.size, self.config)
            places = [SlotIndex(image.slot, number) for number in range(len(image.shapes))]
            maps = [
                split_maps(
                    self.slots.maps(memory, place, shape).astype(np.float32),
                    len(self.model.skeleton) + 1,
                )
                for place, shape in zip(places, image.shapes, strict=True)
            ]
            people = people_in(maps, views, image.size, self.model, self.config)
        except Exception as error:
            took = item.seconds + perf_counter() - start
            return fault_result(error, self.model.skeleton, image.size, took)
        return people_result(people, image.size, item.seconds + perf_counter() - start)
