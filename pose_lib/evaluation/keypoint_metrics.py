"""How near found keypoints are to annotated ones: PCKh and OKS, and who is matched with whom.

Truth is keypoints too: x, y in pixels, and a confidence that is above 0 where a joint is annotated.
What is found but not annotated is never counted.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Int

from pose_lib.skeleton import Skeleton

COCO_SIGMAS: dict[str, float] = {
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,
}
"""How far annotators differ on a joint, as a share of the person's scale.

Source:
    Ronchi and Perona 2017, arXiv:1707.05388; COCO's keypoint evaluation uses these values.
"""

PCKH_THRESHOLDS: Float[np.ndarray, "threshold"] = np.arange(51) / 100
"""Distances in heads at which the share of right joints is measured.

Source: MPII's evaluation, ``evaluatePCKh.m``: 0 to 0.5 in steps of 0.01.
"""

HEAD_OF_SEGMENT = 0.75
"""MPII's head size over the distance from head top to upper neck.

Source:
    MPII's evaluation takes 0.8 * 0.75 of the diagonal of the head's box, of which 0.8 is about the
    head's length. Of 6 people of its validation set that is 0.737 to 0.759 times the distance from
    head top to upper neck.
"""


def joint_sigmas(joints: tuple[str, ...], sigmas: Mapping[str, float]) -> Float[np.ndarray, "_"]:
    """Return the sigma of each joint: by its full name, else by its name without the side.

    NaN for a joint that has none.
    """
    without_side = {joint: joint.removeprefix("left_").removeprefix("right_") for joint in joints}
    return np.array(
        [sigmas.get(joint, sigmas.get(name, np.nan)) for joint, name in without_side.items()]
    )


def joint_similarities(
    found: Float[np.ndarray, "found joint 3"],
    truth: Float[np.ndarray, "truth joint 3"],
    area: Float[np.ndarray, "truth"],
    sigmas: Float[np.ndarray, "joint"],
) -> Float[np.ndarray, "truth found joint"]:
    """Return how similar the joints of each pair are, 0 to 1.

    Args:
        area: Area of each true person's silhouette in square pixels.

    Returns:
        0 for an annotated joint that is not found; NaN for one that is not annotated, and for
        people of unknown area.

    Source:
        COCO's keypoint evaluation: ``exp(-d^2 / (2 s^2 k^2))`` with ``s^2`` the area and ``k``
        twice the sigma.
    """
    similarity = _fading(joint_distances(found, truth) ** 2, area, sigmas)
    return np.where(_missed(found, truth, area), 0.0, similarity)


def oks(
    found: Float[np.ndarray, "found joint 3"],
    truth: Float[np.ndarray, "truth joint 3"],
    area: Float[np.ndarray, "truth"],
    sigmas: Float[np.ndarray, "joint"],
) -> Float[np.ndarray, "truth found"]:
    """Return the object keypoint similarity, 0 to 1, of every true person to every found one.

    Returns:
        The mean similarity of the annotated joints; 0 for a true person without any.
    """
    similarity = joint_similarities(found, truth, area, sigmas)
    annotated = (truth[..., 2] > 0).sum(axis=1)
    return np.nan_to_num(similarity).sum(axis=-1) / np.maximum(annotated, 1)[:, None]


def box_similarities(
    found: Float[np.ndarray, "found joint 3"],
    box: Float[np.ndarray, "truth 4"],
    area: Float[np.ndarray, "truth"],
    sigmas: Float[np.ndarray, "joint"],
) -> Float[np.ndarray, "truth found"]:
    """Return how well found people lie within boxes, for people without an annotated joint.

    Args:
        box: Left, top, width and height in pixels.

    Source:
        COCO's keypoint evaluation: a joint counts by its distance to the box made three times as
        wide and high.
    """
    low = box[:, :2] - box[:, 2:]
    high = box[:, :2] + 2 * box[:, 2:]
    xy = found[None, ..., :2]
    beyond = np.maximum(low[:, None, None] - xy, 0) + np.maximum(xy - high[:, None, None], 0)
    similarity = _fading((beyond**2).sum(axis=-1), area, sigmas)
    return np.where(found[None, ..., 2] > 0, similarity, 0).mean(axis=-1)


def head_sizes(
    keypoints: Float[np.ndarray, "person joint 3"],
    annotated: Float[np.ndarray, "person"],
    skeleton: Skeleton,
) -> Float[np.ndarray, "person"]:
    """Return each person's head size in pixels: as annotated, else from head top and upper neck.

    Returns:
        NaN where neither is known.
    """
    if not {"head_top", "upper_neck"} <= set(skeleton.joints):
        return np.where(annotated > 0, annotated, np.nan)
    top, neck = (keypoints[:, skeleton.index(joint)] for joint in ("head_top", "upper_neck"))
    length = np.linalg.norm(top[:, :2] - neck[:, :2], axis=-1)
    known = (top[:, 2] > 0) & (neck[:, 2] > 0) & (length > 0)
    measured = np.where(known, HEAD_OF_SEGMENT * length, np.nan)
    return np.where(annotated > 0, annotated, measured)


def distances_in_heads(
    found: Float[np.ndarray, "found joint 3"],
    truth: Float[np.ndarray, "truth joint 3"],
    head_size: Float[np.ndarray, "truth"],
) -> Float[np.ndarray, "truth found joint"]:
    """Return how far apart the joints of each pair are, in heads of the true person.

    Returns:
        Infinite for an annotated joint that is not found; NaN for one that is not annotated, and
        for people of unknown head size.
    """
    distance = joint_distances(found, truth) / head_size[:, None, None]
    return np.where(_missed(found, truth, head_size), np.inf, distance)


def pckh(distances: Float[np.ndarray, "*any"], *, threshold: float = 0.5) -> float:
    """Return the share of joints that lie within the threshold, 0 to 1; NaN joints do not count.

    Args:
        distances: In heads; infinite where an annotated joint is not found.

    Source:
        Andriluka et al. 2014, section 4: within half the head's length.
    """
    counted = distances[~np.isnan(distances)]
    return float(np.mean(counted <= threshold)) if counted.size else float("nan")


def pckh_curve(distances: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "51"]:
    """Return ``pckh`` at each of ``PCKH_THRESHOLDS``."""
    return np.array([pckh(distances, threshold=threshold) for threshold in PCKH_THRESHOLDS])


def pckh_auc(curve: Float[np.ndarray, "51"]) -> float:
    """Return the area under a PCKh curve as a share of what it would be at best.

    Source:
        MPII's evaluation: by trapezoids, the thresholds scaled to 0 to 1.
    """
    return float(np.trapezoid(curve, PCKH_THRESHOLDS / PCKH_THRESHOLDS[-1]))


def match_people(similarity: Float[np.ndarray, "truth found"]) -> Int[np.ndarray, "truth"]:
    """Return the found person of each true one, the most similar pair first; -1 is nobody.

    Nobody is matched twice, and a similarity of 0 is no match.
    """
    left = similarity.copy()
    matched = np.full(len(similarity), -1)
    while left.size and left.max() > 0:
        person, candidate = np.unravel_index(left.argmax(), left.shape)
        matched[person] = candidate
        left[person] = 0
        left[:, candidate] = 0
    return matched


def joint_distances(
    found: Float[np.ndarray, "found joint 3"], truth: Float[np.ndarray, "truth joint 3"]
) -> Float[np.ndarray, "truth found joint"]:
    """Return pixels between the joints of every pair; NaN where either has no such joint."""
    distance = np.linalg.norm(truth[:, None, :, :2] - found[None, :, :, :2], axis=-1)
    both = (truth[:, None, :, 2] > 0) & (found[None, :, :, 2] > 0)
    return np.where(both, distance, np.nan)


def _missed(
    found: Float[np.ndarray, "found joint 3"],
    truth: Float[np.ndarray, "truth joint 3"],
    estimate_scale: Float[np.ndarray, "truth"],
) -> Bool[np.ndarray, "truth found joint"]:
    """Say which joints of people of known size are annotated but not found."""
    known = (truth[..., 2] > 0) & np.isfinite(estimate_scale)[:, None]
    return known[:, None] & ~(found[None, ..., 2] > 0)


def _fading(
    squared_distance: Float[np.ndarray, "truth found joint"],
    area: Float[np.ndarray, "truth"],
    sigmas: Float[np.ndarray, "joint"],
) -> Float[np.ndarray, "truth found joint"]:
    spread = 2 * np.maximum(area, np.spacing(1))[:, None] * (2 * sigmas) ** 2
    return np.exp(-squared_distance / spread[:, None])
