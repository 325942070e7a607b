"""Skeletons: which joints a pose has, in which order, and which bones connect them.

Every joint order of the project is written here once. Names are snake_case with ``left_`` and
``right_`` prefixes; everything about mirroring is derived from those prefixes.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from pose_lib.errors import InputError


@dataclass(frozen=True)
class Skeleton:
    """Ordered joint names and the bones to draw between them.

    Attributes:
        name: Identifier as stored in files, such as ``BODY_25``.
        joints: Joint names in array order.
        bones: (parent, child) pairs of joint names.
        source: Where the order comes from.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[str, str], ...]
    source: str

    def __post_init__(self) -> None:
        if len(set(self.joints)) != len(self.joints):
            raise ValueError(f"skeleton {self.name}: a joint name occurs twice in {self.joints}")
        unknown = {joint for bone in self.bones for joint in bone} - set(self.joints)
        if unknown:
            raise ValueError(f"skeleton {self.name}: bones name unknown joints {sorted(unknown)}")

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Return the array index of a joint name."""
        try:
            return self.joints.index(joint)
        except ValueError:
            raise ValueError(
                f"skeleton {self.name} has no joint {joint!r}; it has {', '.join(self.joints)}"
            ) from None

    def indices(self, joints: tuple[str, ...]) -> Int[np.ndarray, "joint"]:
        """Return the array indices of several joint names."""
        return np.array([self.index(joint) for joint in joints], dtype=np.int64)

    @property
    def bone_indices(self) -> Int[np.ndarray, "bone 2"]:
        """Array indices of each bone's parent and child."""
        return np.array([self.indices(bone) for bone in self.bones], dtype=np.int64).reshape(-1, 2)

    @property
    def mirror(self) -> Int[np.ndarray, "joint"]:
        """Permutation that swaps every left joint with its right one."""
        return self.indices(tuple(mirrored_name(joint) for joint in self.joints))


def mirrored_name(joint: str) -> str:
    """Return the joint's name on the other side of the body; middle joints keep theirs."""
    for side, other in (("left_", "right_"), ("right_", "left_")):
        if joint.startswith(side):
            return other + joint.removeprefix(side)
    return joint


def skeleton_named(name: str) -> Skeleton:
    """Return the skeleton stored in files under this name.

    Raises:
        InputError: If no skeleton has the name.
    """
    for skeleton in SKELETONS:
        if skeleton.name == name:
            return skeleton
    known = ", ".join(skeleton.name for skeleton in SKELETONS)
    raise InputError(f"unknown skeleton {name!r}; known are {known}")


_ARMS = (
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
)
_LEGS = (
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
)
_FACE = (
    ("nose", "right_eye"),
    ("right_eye", "right_ear"),
    ("nose", "left_eye"),
    ("left_eye", "left_ear"),
)
_SHOULDERS_FROM_NECK = (("neck", "right_shoulder"), ("neck", "left_shoulder"))
_HIPS_FROM_PELVIS = (("pelvis", "right_hip"), ("pelvis", "left_hip"))

_UPPER_BODY = (
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
)
_HIPS_TO_ANKLES = (
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
)
_EYES_AND_EARS = ("right_eye", "left_eye", "right_ear", "left_ear")

BODY_15 = Skeleton(
    name="BODY_15",
    joints=(*_UPPER_BODY, "pelvis", *_HIPS_TO_ANKLES),
    bones=(
        ("pelvis", "neck"),
        ("neck", "nose"),
        *_SHOULDERS_FROM_NECK,
        *_ARMS,
        *_HIPS_FROM_PELVIS,
        *_LEGS,
    ),
    source="The first fifteen joints of OpenPose BODY_25; the lifter's own skeleton.",
)

BODY_25 = Skeleton(
    name="BODY_25",
    joints=(
        *BODY_15.joints,
        *_EYES_AND_EARS,
        "left_big_toe",
        "left_small_toe",
        "left_heel",
        "right_big_toe",
        "right_small_toe",
        "right_heel",
    ),
    bones=(
        *BODY_15.bones,
        *_FACE,
        ("left_ankle", "left_big_toe"),
        ("left_big_toe", "left_small_toe"),
        ("left_ankle", "left_heel"),
        ("right_ankle", "right_big_toe"),
        ("right_big_toe", "right_small_toe"),
        ("right_ankle", "right_heel"),
    ),
    source="OpenPose's documentation of its output, section on the BODY_25 pose format.",
)

COCO_18 = Skeleton(
    name="COCO_18",
    joints=(*_UPPER_BODY, *_HIPS_TO_ANKLES, *_EYES_AND_EARS),
    bones=(
        *_SHOULDERS_FROM_NECK,
        *_ARMS,
        ("neck", "right_hip"),
        ("neck", "left_hip"),
        *_LEGS,
        ("neck", "nose"),
        *_FACE,
    ),
    source="OpenPose's COCO model; Cao et al. 2017, arXiv:1611.08050.",
)

MPI_15 = Skeleton(
    name="MPI_15",
    joints=("head_top", *_UPPER_BODY[1:], *_HIPS_TO_ANKLES, "chest"),
    bones=(
        ("neck", "head_top"),
        *_SHOULDERS_FROM_NECK,
        *_ARMS,
        ("neck", "chest"),
        ("chest", "right_hip"),
        ("chest", "left_hip"),
        *_LEGS,
    ),
    source="OpenPose's MPI model; Cao et al. 2017, arXiv:1611.08050.",
)

MPII_16 = Skeleton(
    name="MPII_16",
    joints=(
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "pelvis",
        "thorax",
        "upper_neck",
        "head_top",
        "right_wrist",
        "right_elbow",
        "right_shoulder",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
    ),
    bones=(
        ("pelvis", "thorax"),
        ("thorax", "upper_neck"),
        ("upper_neck", "head_top"),
        ("thorax", "right_shoulder"),
        ("thorax", "left_shoulder"),
        *_ARMS,
        *_HIPS_FROM_PELVIS,
        *_LEGS,
    ),
    source="MPII Human Pose annotations; Andriluka et al. 2014, joint ids 0 to 15.",
)

COCO_17 = Skeleton(
    name="COCO_17",
    joints=(
        "nose",
        "left_eye",
        "right_eye",
        "left_ear",
        "right_ear",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hip",
        "right_hip",
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
    ),
    bones=(
        *_FACE,
        ("left_shoulder", "right_shoulder"),
        ("left_hip", "right_hip"),
        ("right_shoulder", "right_hip"),
        ("left_shoulder", "left_hip"),
        *_ARMS,
        *_LEGS,
    ),
    source="COCO keypoint annotations; Lin et al. 2014, arXiv:1405.0312.",
)

H36M_17 = Skeleton(
    name="H36M_17",
    joints=(
        "pelvis",
        "right_hip",
        "right_knee",
        "right_ankle",
        "left_hip",
        "left_knee",
        "left_ankle",
        "spine",
        "thorax",
        "nose",
        "head_top",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "right_shoulder",
        "right_elbow",
        "right_wrist",
    ),
    bones=(
        ("pelvis", "spine"),
        ("spine", "thorax"),
        ("thorax", "nose"),
        ("nose", "head_top"),
        ("thorax", "right_shoulder"),
        ("thorax", "left_shoulder"),
        *_ARMS,
        *_HIPS_FROM_PELVIS,
        *_LEGS,
    ),
    source="Human3.6M's 17 evaluated joints as ordered by Martinez et al. 2017, arXiv:1705.03098.",
)

SKELETONS = (BODY_15, BODY_25, COCO_18, MPI_15, MPII_16, COCO_17, H36M_17)
