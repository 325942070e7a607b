"""The seam between the pipeline and whatever finds the people in an image.

A detector is a module, named as an entry point in the group ``poselift.detectors`` by this or any
other installed package, with the two functions of ``DetectorModule``. Everything else, from the
keypoint store to the lifter, follows from the skeleton that it gives its joints on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from pose_lib.errors import InputError
from pose_lib.extract.image_result import ImageResult, Picture, extract_image
from pose_lib.keypoints import People
from pose_lib.skeleton import Skeleton

GROUP = "poselift.detectors"


@dataclass(frozen=True)
class DetectorIdentity:
    """All that a detector's results depend on beside the image.

    Attributes:
        skeleton: Names and order of the joints.
        weights_sha256: Hash of the networks' weights.
        settings: What else changes results, as plain values.
    """

    skeleton: Skeleton
    weights_sha256: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class PersonDetector(Protocol):
    """Finds people in images."""

    @property
    def skeleton(self) -> Skeleton:
        """Names and order of the joints it finds."""
        ...

    @property
    def min_side(self) -> int:
        """Pixels that both sides of an image should keep where it is read smaller than it is."""
        ...

    def detect(self, image: UInt8[np.ndarray, "height width 3"]) -> People:
        """Return the people in a BGR image, surest first, in its pixels."""
        ...


@runtime_checkable
class ManyPersonDetector(PersonDetector, Protocol):
    """Finds people in many images faster than in one after the other."""

    def detect_many(self, reads: Iterable[Callable[[], Picture]]) -> Iterator[ImageResult]:
        """Yield what became of each image, in order; one at fault takes no other along.

        Args:
            reads: Read one image each, maybe in another process.
        """
        ...


@runtime_checkable
class DetectorModule(Protocol):
    """What a detector's module offers.

    Args of both:
        settings: The detector's own settings, ``ExtractConfig.detector_settings``.
        weights: Folder of the weights that the user added.

    Both raise ``InputError`` if what the detector needs is not there, saying how to get it.
    """

    def identify(self, settings: Any, weights: Path) -> DetectorIdentity:
        """Say what the results depend on, without loading a network."""
        ...

    def load(self, settings: Any, weights: Path, *, threads: int) -> PersonDetector:
        """Return the detector, ready to work."""
        ...


def extract_images(
    reads: Iterable[Callable[[], Picture]], detector: PersonDetector
) -> Iterator[ImageResult]:
    """Yield what became of each image, in order."""
    if isinstance(detector, ManyPersonDetector):
        return detector.detect_many(reads)
    return (extract_image(read, detector.detect, detector.skeleton) for read in reads)


def detector_named(name: str) -> DetectorModule:
    """Return the module of an installed detector.

    Raises:
        InputError: If none has the name.
    """
    installed = entry_points(group=GROUP)
    for found in installed:
        if found.name == name:
            return cast(DetectorModule, found.load())
    raise InputError(
        f"there is no detector {name!r}; installed are {', '.join(sorted(installed.names))}"
    )
