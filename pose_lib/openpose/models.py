"""The OpenPose body models: which network, which joints, and what its maps mean."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from torch import nn

from pose_lib.errors import InputError
from pose_lib.openpose.mobilenet_thin import MobilenetThin
from pose_lib.skeleton import COCO_18, Skeleton

STRIDE = 8
"""Input pixels per cell of every model's maps, along each axis."""

_COCO_LIMBS = (
    ("neck", "right_hip"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
    ("neck", "left_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("neck", "right_shoulder"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("right_shoulder", "right_ear"),
    ("neck", "left_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("left_shoulder", "left_ear"),
    ("neck", "nose"),
    ("nose", "right_eye"),
    ("nose", "left_eye"),
    ("right_eye", "right_ear"),
    ("left_eye", "left_ear"),
)
"""
Source:
    The COCO model of Cao et al. 2017. The two limbs from shoulder to ear are redundant: they hold
    a person together where the neck is hidden.
"""


@dataclass(frozen=True)
class BodyModel:
    """One network and the meaning of its maps.

    Every network takes blue, green, red from 0 to 255 as (batch, 3, height, width) and returns
    heatmaps, those of the joints in their order and the background's last, and PAFs, x and y for
    each limb in turn; both at ``STRIDE``.

    Attributes:
        name: As in settings and file names.
        skeleton: The joints in the order of the heatmaps.
        limbs: Joint pairs in the order of the PAFs.
        make_network: Builds the network, its weights still to be loaded.
        first_cell: x, y of the input pixel where the first cell has its center; 3.5 is half a
            cell.
    """

    name: str
    skeleton: Skeleton
    limbs: tuple[tuple[str, str], ...]
    make_network: Callable[[], nn.Module]
    first_cell: tuple[float, float] = (3.5, 3.5)

    @property
    def limb_joints(self) -> Int[np.ndarray, "limb 2"]:
        """Joint indices of each limb's two ends."""
        return np.array([self.skeleton.indices(limb) for limb in self.limbs])


MOBILENET_THIN = BodyModel(
    name="mobilenet_thin",
    skeleton=COCO_18,
    limbs=_COCO_LIMBS,
    make_network=MobilenetThin,
    # Mirrored photographs show that it points 0.53 pixels too far right (704 joints of 27
    # photographs); y cannot be told so.
    first_cell=(3.0, 3.5),
)

MODELS = (MOBILENET_THIN,)


def model_named(name: str) -> BodyModel:
    """Return the model of that name.

    Raises:
        InputError: If there is none.
    """
    for model in MODELS:
        if model.name == name:
            return model
    known = ", ".join(model.name for model in MODELS)
    raise InputError(f"there is no OpenPose model {name!r}; the models are {known}")
