"""OpenPose as one object: an image in, people in its pixels out."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from pose_lib.detectors import DetectorIdentity, PersonDetector
from pose_lib.extraction import ExtractConfig
from pose_lib.keypoints import People
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.decode import decode_people
from pose_lib.openpose.engine import Engine, Maps, make_engine, number_type, on_gpu
from pose_lib.openpose.models import STRIDE, BodyModel, model_named
from pose_lib.openpose.views import View, join_maps, prepare, views_of
from pose_lib.openpose.weights import find_weights, load_network
from pose_lib.skeleton import Skeleton

EDITION = 1
"""To be raised with every change of this program that changes what is found, so that no keypoint
store holds both."""


@dataclass(frozen=True)
class OpenPoseDetector:
    """Finds people in images. Make one with ``load_detector``.

    Attributes:
        config: How it prepares and decodes.
        model: What the maps mean.
        engine: Maps from prepared images.
    """

    config: OpenPoseConfig
    model: BodyModel
    engine: Engine

    @property
    def skeleton(self) -> Skeleton:
        """Names and order of the joints it finds."""
        return self.model.skeleton

    @property
    def least_side(self) -> int:
        """Pixels that both sides of an image should keep."""
        return self.config.input_height

    def detect(self, image: UInt8[np.ndarray, "height width 3"]) -> People:
        """Return the people in a BGR image, surest first, in its pixels.

        A person's score is the mean confidence of all joints, a missing one counting as 0.
        """
        height, width = image.shape[:2]
        views = views_of(width, height, self.config)
        maps = [self.engine(prepare(image, view)) for view in views]
        return people_in(maps, views, (width, height), self.model, self.config)


def load_detector(
    config: OpenPoseConfig, *, added_weights: Path | None = None, threads: int = 1
) -> PersonDetector:
    """Return a detector, its network compiled.

    Args:
        added_weights: Folder of the weights that the user added.
        threads: CPU threads of the network. One in each of several processes is the fastest.
            On a GPU they do not matter.

    Raises:
        InputError: If there is no such model, or its weights are missing or damaged.
    """
    model = model_named(config.model)
    network = load_network(model, find_weights(model, added_weights))
    if on_gpu(config.engine):
        from pose_lib.openpose.batches import gpu_detector

        return gpu_detector(config, model, network)
    engine = make_engine(config.engine, network, precision=config.precision, threads=threads)
    return OpenPoseDetector(config, model, engine)


def identify(config: ExtractConfig, weights: Path) -> DetectorIdentity:
    """Say what the results depend on: all settings but the engine, whose results agree.

    Half precision is not the same numbers everywhere, so those of this machine are told instead.
    """
    model = model_named(config.openpose.model)
    settings = asdict(config.openpose) | {"edition": EDITION}
    settings["precision"] = number_type(settings.pop("engine"), settings["precision"])
    return DetectorIdentity(model.skeleton, find_weights(model, weights).sha256, settings)


def load(config: ExtractConfig, weights: Path, *, threads: int) -> PersonDetector:
    """Return the detector that the pipeline's settings ask for."""
    return load_detector(config.openpose, added_weights=weights, threads=threads)


def people_in(
    maps: list[Maps],
    views: list[View],
    size: tuple[int, int],
    model: BodyModel,
    config: OpenPoseConfig,
) -> People:
    """Return the people in the maps of an image's views, in pixels of the image.

    Args:
        size: The image's width and height.
    """
    people = decode_people(*join_maps(maps, views, model), model.limb_joints, config.decode)
    first_view = views[0]
    pixels_per_input_pixel = np.array(size, np.float32) / (first_view.width, first_view.height)
    first_cell = np.array(model.first_cell, np.float32)
    if config.mirror:
        first_cell[0] = (STRIDE - 1) / 2  # its pull to one side cancels out
    # A pixel's center is a whole number, and its left edge lies half a pixel before.
    in_input = people.keypoints[..., :2] * STRIDE + first_cell
    keypoints = people.keypoints.copy()
    keypoints[..., :2] = (in_input + 0.5) * pixels_per_input_pixel - 0.5
    return People(keypoints, people.score)
