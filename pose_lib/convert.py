"""Conversion between skeletons: matrices made from joint names and written weights."""

import numpy as np
from jaxtyping import Float

from pose_lib.skeleton import Skeleton

_SHOULDERS = {"left_shoulder": 0.5, "right_shoulder": 0.5}


def _beyond(end: dict[str, float], start: dict[str, float], share: float) -> dict[str, float]:
    """Return the weights of the point at a share of the way from start to end, past it above 1."""
    weights = {joint: share * weight for joint, weight in end.items()}
    return weights | {joint: (1 - share) * weight for joint, weight in start.items()}


_EARS = {"left_ear": 0.5, "right_ear": 0.5}
_EYES = {"left_eye": 0.5, "right_eye": 0.5}
_NECKS: tuple[dict[str, float], ...] = ({"neck": 1.0}, _SHOULDERS)

PROXY_JOINTS: dict[str, tuple[dict[str, float], ...]] = {
    "pelvis": ({"left_hip": 0.5, "right_hip": 0.5},),
    "neck": (_SHOULDERS,),
    "thorax": (_SHOULDERS,),
    # MPII annotates no nose. The midpoint of upper neck and head top lies on the head's axis;
    # a real nose lies in front of it.
    "nose": ({"upper_neck": 0.5, "head_top": 0.5}, {"neck": 0.5, "head_top": 0.5}),
    # OpenPose finds no head top. Made of what it finds by COCO_18, that of 67 of 74 rendered people
    # and 8 of 8 MPII people is within half a head (research/proxy_joints.py). The line from neck to
    # nose leads past it in most of the rendered ones, so that without eyes and ears there is none.
    "head_top": (
        *(_beyond(_EARS, neck, 1.625) for neck in _NECKS),
        _beyond(_EYES, {"nose": 1.0}, 3.375),
        *(_beyond({ear: 1.0}, neck, 1.625) for neck in _NECKS for ear in ("left_ear", "right_ear")),
    ),
    # Of 14,975 MPII people 97 % have it within half a head of the first, 85 % of the neck itself.
    "upper_neck": (
        *(_beyond({"head_top": 1.0}, neck, 0.1875) for neck in _NECKS),
        *(_beyond({"nose": 1.0}, neck, 0.1875) for neck in _NECKS),
        *_NECKS,
    ),
}
"""Proxy joints: weights of source joints for a joint that the source lacks, best first.

The next is taken for a person who lacks a joint of the better one.
"""


def conversion_matrices(
    source: Skeleton, target: Skeleton
) -> list[Float[np.ndarray, "target_joint source_joint"]]:
    """Return the weights that make the target's joints from the source's, best first.

    A row sums to one, or to zero where the source can give nothing (more) for that joint.
    """
    recipes = [_recipes(joint, source) for joint in target.joints]
    matrices = np.zeros((max(map(len, recipes)) or 1, len(target), len(source)), np.float32)
    for row, of_joint in enumerate(recipes):
        for rank, recipe in enumerate(of_joint):
            for name, weight in recipe.items():
                matrices[rank, row, source.index(name)] = weight
    return list(matrices)


def convert_keypoints(
    keypoints: Float[np.ndarray, "person source_joint 3"], source: Skeleton, target: Skeleton
) -> Float[np.ndarray, "person target_joint 3"]:
    """Give the same people on another skeleton.

    Args:
        keypoints: x, y in pixels and confidence; missing is ``(nan, nan, 0)``.

    Returns:
        float32 keypoints of the target skeleton. A joint is missing where, for every way to make
        it, a joint it is made of is missing; its confidence is the smallest of theirs.
    """
    missing = np.array([np.nan, np.nan, 0], np.float32)
    converted = np.tile(missing, (len(keypoints), len(target), 1))
    for matrix in conversion_matrices(source, target):
        lacking = converted[..., 2:] == 0
        converted = np.where(lacking, _combined(keypoints, matrix), converted)
    return converted


def _combined(
    keypoints: Float[np.ndarray, "person source_joint 3"],
    matrix: Float[np.ndarray, "target_joint source_joint"],
) -> Float[np.ndarray, "person target_joint 3"]:
    used = matrix != 0
    found = keypoints[..., 2] > 0
    complete = used.any(1) & ~(used[None] & ~found[:, None]).any(-1)

    known_xy = np.where(found[..., None], keypoints[..., :2], 0)  # 0 * nan would be nan
    xy = np.einsum("ts,psd->ptd", matrix, known_xy)
    confidence = np.where(used[None], keypoints[:, None, :, 2], np.inf).min(-1, initial=np.inf)

    combined = np.full((len(keypoints), len(matrix), 3), np.nan, dtype=np.float32)
    combined[..., 2] = 0
    combined[complete, :2] = xy[complete]
    combined[complete, 2] = confidence[complete]
    return combined


def _recipes(joint: str, source: Skeleton) -> list[dict[str, float]]:
    if joint in source.joints:
        return [{joint: 1.0}]
    proxies = PROXY_JOINTS.get(joint, ())
    return [recipe for recipe in proxies if all(name in source.joints for name in recipe)]
