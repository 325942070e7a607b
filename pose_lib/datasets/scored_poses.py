"""Poses to score a lifter on, whatever data set they come from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pose_lib.errors import InputError
from pose_lib.skeleton import BODY_15

_MIDDLES = {"neck": "shoulder", "pelvis": "hip"}


@dataclass(frozen=True)
class GroupedPoses:
    """2D poses with their 3D truth, in the groups that a data set's protocol reports apart.

    Attributes:
        poses: ``BODY_15``; x, y in pixels and confidence, missing is ``(nan, nan, 0)``.
        joints3d: mm, camera frame, pelvis at the origin; the nose is NaN where nobody knows it.
        group: Each pose's group, such as its action; empty where there are none.
        grouped_by: What the groups are: ``action`` or ``sequence``; empty where there are none.
        facts: What else belongs into a report, such as which subjects these are.
    """

    poses: Float[np.ndarray, "pose 15 3"]
    joints3d: Float[np.ndarray, "pose 15 3"]
    group: tuple[str, ...] = ()
    grouped_by: str = ""
    facts: tuple[tuple[str, object], ...] = ()

    def __post_init__(self) -> None:
        if len(self.poses) != len(self.joints3d):
            raise ValueError(f"{len(self.poses)} poses but {len(self.joints3d)} true ones")
        if len(self.group) != (len(self.poses) if self.grouped_by else 0):
            raise ValueError(f"{len(self.group)} groups for {len(self.poses)} poses")


def body_15_truth(
    joints3d: Float[np.ndarray, "pose joint 3"],
    names: tuple[str, ...],
    where: object,
    *,
    lacking: tuple[str, ...] = (),
) -> Float[np.ndarray, "pose 15 3"]:
    """Pick the lifter's joints by name; neck and pelvis are the middles of shoulders and hips.

    Args:
        names: Such as ``left_hip`` or ``lhip``.
        where: The file, for errors.
        lacking: Joints that the data set does not know; they are NaN.

    Returns:
        In the unit given, pelvis at the origin.
    """
    body = np.full((len(joints3d), len(BODY_15), 3), np.nan, dtype=np.float32)
    for joint in BODY_15.joints:
        if joint not in _MIDDLES and joint not in lacking:
            body[:, BODY_15.index(joint)] = joints3d[:, _column(joint, names, where)]
    for middle, sides in _MIDDLES.items():
        left, right = BODY_15.index(f"left_{sides}"), BODY_15.index(f"right_{sides}")
        body[:, BODY_15.index(middle)] = (body[:, left] + body[:, right]) / 2
    return body - body[:, [BODY_15.index("pelvis")]]


def with_confidence(xy: Float[np.ndarray, "*any 2"]) -> Float[np.ndarray, "*any 3"]:
    """Return keypoints of confidence 1; missing where x or y is no number."""
    known = np.isfinite(xy).all(-1, keepdims=True)
    return np.concatenate([np.where(known, xy, np.nan), known], axis=-1).astype(np.float32)


def _column(joint: str, names: tuple[str, ...], where: object) -> int:
    short = joint.replace("left_", "l").replace("right_", "r")
    for name in (joint, short):
        if name in names:
            return names.index(name)
    raise InputError(f"{where}: no joint {short!r} among those it names: {', '.join(names)}")
