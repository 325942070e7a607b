"""OpenPose as one object: an image in, people in its pixels out."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from pose_lib.keypoints import People
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.engine import Engine
from pose_lib.openpose.models import BodyModel
from pose_lib.openpose.people import people_in
from pose_lib.openpose.views import prepare, views_of
from pose_lib.skeleton import Skeleton


@dataclass(frozen=True)
class OpenPoseDetector:
    """Finds people in images. Make one with ``load_openpose``.

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
    def min_side(self) -> int:
        """Pixels that both sides of an image should keep."""
        return self.config.input_height

    def detect(self, image: UInt8[np.ndarray, "height width 3"]) -> People:
        """Return the people in a BGR image, highest score first, in its pixels.

        A person's score is the mean confidence of all joints, a missing one counting as 0.
        """
        height, width = image.shape[:2]
        views = views_of(width, height, self.config)
        maps = [self.engine(prepare(image, view)) for view in views]
        return people_in(maps, views, (width, height), self.model, self.config)
