"""From the maps of an image's views to the people in its pixels."""

import numpy as np

from pose_lib.keypoints import People
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.decode import decode_people
from pose_lib.openpose.engine import Maps
from pose_lib.openpose.models import STRIDE, BodyModel
from pose_lib.openpose.views import View, join_maps


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
