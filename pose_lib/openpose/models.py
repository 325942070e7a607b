"""The OpenPose body models: which network, which joints, and what its maps mean."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from pose_lib.errors import InputError
from pose_lib.openpose.licenses import APACHE_2, CMU_OPENPOSE, License
from pose_lib.skeleton import BODY_25, COCO_18, MPI_15, Skeleton

if TYPE_CHECKING:  # torch takes a second to import, and is not needed where a network is kept
    import torch

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
    a person together where the neck is hidden. This and the orders below agree with
    ``POSE_BODY_PART_PAIRS`` and ``POSE_MAP_INDEX`` of OpenPose's ``poseParameters.cpp``.
"""

_MPI_LIMBS = (
    ("head_top", "neck"),
    ("neck", "right_shoulder"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("neck", "left_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("neck", "chest"),
    ("chest", "right_hip"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
    ("chest", "left_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
)

_BODY_25_LIMBS = (
    ("neck", "pelvis"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
    ("pelvis", "right_hip"),
    ("pelvis", "left_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    *_COCO_LIMBS[_COCO_LIMBS.index(("neck", "right_shoulder")) :],
    ("left_ankle", "left_big_toe"),
    ("left_big_toe", "left_small_toe"),
    ("left_ankle", "left_heel"),
    ("right_ankle", "right_big_toe"),
    ("right_big_toe", "right_small_toe"),
    ("right_ankle", "right_heel"),
)


@dataclass(frozen=True)
class PublishedFile:
    """The file in which a model's authors gave out its weights.

    Attributes:
        name: As they named it.
        hash_name: ``sha256``, or ``md5`` where no better one is known.
        hash_value: Of the file, in hexadecimal.
    """

    name: str
    hash_name: str
    hash_value: str


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
        make_network: Builds the network, a torch module, its weights still to be loaded. Only this
            imports torch: a wrong setting is told in less time than that takes.
        license: Terms of the weights.
        published: The file that the weights are added from; None where they are bundled.
        first_cell: x, y of the input pixel where the first cell has its center; 3.5 is half a
            cell.
    """

    name: str
    skeleton: Skeleton
    limbs: tuple[tuple[str, str], ...]
    make_network: Callable[[], "torch.nn.Module"]
    license: License
    published: PublishedFile | None = None
    first_cell: tuple[float, float] = (3.5, 3.5)

    @property
    def limb_joints(self) -> Int[np.ndarray, "limb 2"]:
        """Joint indices of each limb's two ends."""
        return np.array([self.skeleton.indices(limb) for limb in self.limbs])


def _mobilenet_thin() -> "torch.nn.Module":
    from pose_lib.openpose.networks.mobilenet_thin import MobilenetThin

    return MobilenetThin()


def _cmu_vgg(*, n_heatmaps: int, n_pafs: int) -> "torch.nn.Module":
    from pose_lib.openpose.networks.cmu_vgg import CmuVgg

    return CmuVgg(n_heatmaps=n_heatmaps, n_pafs=n_pafs)


def _body_25() -> "torch.nn.Module":
    from pose_lib.openpose.networks.body_25 import Body25

    return Body25()


MOBILENET_THIN = BodyModel(
    name="mobilenet_thin",
    skeleton=COCO_18,
    limbs=_COCO_LIMBS,
    make_network=_mobilenet_thin,
    license=APACHE_2,
    # Mirrored photographs show that it points 0.53 pixels too far right (704 joints of 27
    # photographs); that does not work for y.
    first_cell=(3.0, 3.5),
)

CMU_COCO = BodyModel(
    name="coco_18",
    skeleton=COCO_18,
    limbs=_COCO_LIMBS,
    make_network=partial(_cmu_vgg, n_heatmaps=19, n_pafs=38),
    license=CMU_OPENPOSE,
    published=PublishedFile(
        name="pose_iter_440000.caffemodel",
        hash_name="sha256",
        hash_value="b4cf475576abd7b15d5316f1ee65eb492b5c9f5865e70a2e7882ed31fb682549",
    ),
)

CMU_MPI = BodyModel(
    name="mpi_15",
    skeleton=MPI_15,
    limbs=_MPI_LIMBS,
    make_network=partial(_cmu_vgg, n_heatmaps=16, n_pafs=28),
    license=CMU_OPENPOSE,
    published=PublishedFile(
        name="pose_iter_160000.caffemodel",
        hash_name="md5",
        hash_value="2ca0990c7562bd7ae03f3f54afa96e00",
    ),
)

CMU_BODY_25 = BodyModel(
    name="body_25",
    skeleton=BODY_25,
    limbs=_BODY_25_LIMBS,
    make_network=_body_25,
    license=CMU_OPENPOSE,
    published=PublishedFile(
        name="pose_iter_584000.caffemodel",
        hash_name="sha256",
        hash_value="44e3d7ebd8c8b62d4366d67127f1b562611a9e8fd0f4f3cdeeb4bb4a6ed12be6",
    ),
)

MODELS = (MOBILENET_THIN, CMU_COCO, CMU_MPI, CMU_BODY_25)


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
