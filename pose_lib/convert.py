"""Conversion between skeletons: one matrix, made from joint names and written weights."""

import numpy as np
from jaxtyping import Float

from pose_lib.skeleton import Skeleton

STAND_INS: dict[str, tuple[dict[str, float], ...]] = {
    "pelvis": ({"left_hip": 0.5, "right_hip": 0.5},),
    "neck": ({"left_shoulder": 0.5, "right_shoulder": 0.5},),
    "thorax": ({"left_shoulder": 0.5, "right_shoulder": 0.5},),
    # MPII annotates no nose. The midpoint of upper neck and head top lies on the head's axis;
    # a real nose lies in front of it.
    "nose": ({"upper_neck": 0.5, "head_top": 0.5}, {"neck": 0.5, "head_top": 0.5}),
}
"""Weights of source joints that stand in for a joint which the source lacks, best first."""


def conversion_matrix(
    source: Skeleton, target: Skeleton
) -> Float[np.ndarray, "target_joint source_joint"]:
    """Return the weights that make the target's joints from the source's.

    A row sums to one, or to zero where the source can give nothing for that joint.
    """
    matrix = np.zeros((len(target), len(source)), dtype=np.float32)
    for row, joint in enumerate(target.joints):
        for name, weight in _recipe(joint, source).items():
            matrix[row, source.index(name)] = weight
    return matrix


def convert_keypoints(
    keypoints: Float[np.ndarray, "person source_joint 3"], source: Skeleton, target: Skeleton
) -> Float[np.ndarray, "person target_joint 3"]:
    """Give the same people on another skeleton.

    Args:
        keypoints: x, y in pixels and confidence; missing is ``(nan, nan, 0)``.

    Returns:
        float32 keypoints of the target skeleton. A joint is missing where any joint it is made of
        is missing; its confidence is the smallest of theirs.
    """
    matrix = conversion_matrix(source, target)
    used = matrix != 0
    found = keypoints[..., 2] > 0
    complete = used.any(1) & ~(used[None] & ~found[:, None]).any(-1)

    known_xy = np.where(found[..., None], keypoints[..., :2], 0)  # 0 * nan would be nan
    xy = np.einsum("ts,psd->ptd", matrix, known_xy)
    confidence = np.where(used[None], keypoints[:, None, :, 2], np.inf).min(-1, initial=np.inf)

    converted = np.full((len(keypoints), len(target), 3), np.nan, dtype=np.float32)
    converted[..., 2] = 0
    converted[complete, :2] = xy[complete]
    converted[complete, 2] = confidence[complete]
    return converted


def _recipe(joint: str, source: Skeleton) -> dict[str, float]:
    if joint in source.joints:
        return {joint: 1.0}
    for recipe in STAND_INS.get(joint, ()):
        if all(name in source.joints for name in recipe):
            return recipe
    return {}
