"""A lifter's errors from the picture on: who was found, how well, and what became of them in 3D."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from pose_lib.datasets.image_truth import PictureTruth
from pose_lib.evaluation.keypoint_metrics import distances_in_heads, match_people
from pose_lib.lifting.evaluate import SCORED_JOINTS, evaluate_lifter
from pose_lib.lifting.lifter import Lifter
from pose_lib.skeleton import BODY_15

LIMB_JOINTS = tuple(joint for joint in SCORED_JOINTS if joint not in ("neck", "pelvis"))
"""The twelve that every detector finds by themselves; neck and pelvis follow from them."""

FOUND_WITHIN = 0.5
"""Trunks that a found person's joints may be off on average. Half a trunk is about the breadth of
the shoulders: nobody else stands so near, and a limb may be quite wrong."""

MIN_SHARED_JOINTS = 3
"""Joints that a match rests on."""

PCK_2D_WITHIN = 0.2
"""Trunks within which a joint counts as right in the picture.

Source: Sapp and Taskar 2013, MODEC, for 0.2 of the trunk from a shoulder to the other side's hip.
"""

_TINY = 1e-6


@dataclass(frozen=True)
class FoundPeople:
    """Which true people were found, and as what.

    Attributes:
        matched: Which of the true people were found.
        poses: What was found of them, ``BODY_15`` in pixels, in the order of the true people.
        distances: Of each true person's limb joints, in trunks; infinite where not found, NaN
            where outside the picture.
    """

    matched: Bool[np.ndarray, "truth"]
    poses: Float[np.ndarray, "found 15 3"]
    distances: Float[np.ndarray, "truth 12"]


def find_true_people(
    poses: Float[np.ndarray, "pose 15 3"],
    pose_image: Int[np.ndarray, "pose"],
    true_image: Int[np.ndarray, "truth"],
    truth: PictureTruth,
) -> FoundPeople:
    """Match the people found with those who are there, picture by picture, one to one.

    Args:
        poses: Everybody found in the pictures.
        pose_image: The picture of each.
        true_image: The same of the true people.
    """
    matched = np.full(len(truth), -1)
    joints = BODY_15.indices(LIMB_JOINTS)
    distances = np.where(truth.keypoints[:, joints, 2] > 0, np.inf, np.nan)
    size = trunks_in_pixels(truth)
    for image in np.unique(true_image):
        there, here = np.flatnonzero(true_image == image), np.flatnonzero(pose_image == image)
        apart = distances_in_heads(
            poses[here][:, joints], truth.keypoints[there][:, joints], size[there]
        )
        pairs = match_people(similarity(apart))
        for person, candidate in zip(there[pairs >= 0], pairs[pairs >= 0], strict=True):
            matched[person] = here[candidate]
            distances[person] = apart[there == person, candidate][0]
    return FoundPeople(matched >= 0, poses[matched[matched >= 0]], distances)


def similarity(apart: Float[np.ndarray, "truth found joint"]) -> Float[np.ndarray, "truth found"]:
    """Return how alike true and found people are, 0 to 1; 0 where they are not the same.

    Args:
        apart: Distances in trunks; infinite where not found, NaN where there is none to be found.
    """
    annotated, shared = ~np.isnan(apart), np.isfinite(apart)
    near = np.where(shared, apart, 0).sum(-1) <= FOUND_WITHIN * shared.sum(-1)
    off = np.where(annotated, np.minimum(apart, 1), 0).sum(-1) / np.maximum(annotated.sum(-1), 1)
    return np.where(near & (shared.sum(-1) >= MIN_SHARED_JOINTS), 1 - off, 0)


def trunks_in_pixels(truth: PictureTruth) -> Float[np.ndarray, "truth"]:
    """Return how long each person's trunk would look if it lay in the picture's plane.

    So a person bent towards the camera is not held to a finer measure than others: the trunk is
    that in 3D, and the picture's scale at the person is that of all joints together.
    """
    right, left = BODY_15.indices(("right_shoulder", "left_hip"))
    trunk = np.linalg.norm(truth.joints3d[:, right] - truth.joints3d[:, left], axis=-1)
    inside = truth.keypoints[..., 2:] > 0
    pixels, millimeters = _spread(truth.keypoints, inside), _spread(truth.joints3d, inside)
    return np.maximum(trunk * pixels / np.maximum(millimeters, _TINY), _TINY)


def _spread(
    points: Float[np.ndarray, "person 15 3"], counted: Bool[np.ndarray, "person 15 1"]
) -> Float[np.ndarray, "person"]:
    """Return the root mean square distance from the middle, in x and y."""
    xy, n = np.where(counted, points[..., :2], 0), np.maximum(counted.sum(1), 1)
    middle = xy.sum(1) / n
    return np.sqrt((np.where(counted, xy - middle[:, None], 0) ** 2).sum((1, 2)) / n[:, 0])


def score_found(
    lifter: Lifter, found: FoundPeople, truth: PictureTruth, *, adapt: bool
) -> tuple[dict[str, Any], Float[np.ndarray, "found 15 3"]]:
    """Lift the people found and compare.

    Returns:
        ``people`` there are and ``found`` of them; ``pck_2d`` and ``pck_2d_visible``, the shares of
        limb joints in the picture, or visible there, that were found at their place; the figures of
        ``evaluate_lifter`` over those found; ``pck150_all``, as ``pck150`` with all joints of
        people not found wrong. And the lifted poses, unitless.
    """
    scores, lifted = evaluate_lifter(
        lifter, found.poses, truth.joints3d[found.matched], adapt=adapt
    )
    n_found = int(found.matched.sum())
    visible = truth.keypoints[:, BODY_15.indices(LIMB_JOINTS), 2] > 1
    counts = {
        "people": len(truth),
        "found": n_found,
        "pck_2d": _share_right(found.distances),
        "pck_2d_visible": _share_right(np.where(visible, found.distances, np.nan)),
        "pck150_all": scores["pck150"] * n_found / len(truth),
    }
    return counts | scores, lifted


def _share_right(distances: Float[np.ndarray, "truth joint"]) -> float | None:
    counted = distances[~np.isnan(distances)]
    return float(np.mean(counted <= PCK_2D_WITHIN)) if counted.size else None
