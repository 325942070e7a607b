"""How good detected keypoints are against annotated ones: PCKh, OKS and average precision.

Truth is keypoints too: x, y in pixels, and a confidence that is above 0 where a joint is annotated.
What is found but not annotated is never counted.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from pose_lib.skeleton import COCO_17

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


def oks(
    found: Float[np.ndarray, "found 17 3"],
    truth: Float[np.ndarray, "truth 17 3"],
    area: Float[np.ndarray, "truth"],
) -> Float[np.ndarray, "truth found"]:
    """Return the object keypoint similarity, 0 to 1, of every true person to every found one.

    Args:
        found: Joints of COCO_17; a missing one has similarity 0.
        truth: Joints of COCO_17.
        area: Area of each true person's silhouette in square pixels.

    Returns:
        0 for a true person without any annotated joint.

    Source:
        COCO's keypoint evaluation: ``exp(-d^2 / (2 s^2 k^2))`` with ``s^2`` the area and ``k``
        twice the sigma, averaged over the annotated joints.
    """
    sigma = np.array([COCO_SIGMAS[joint.rpartition("_")[2]] for joint in COCO_17.joints])
    spread = 2 * area[:, None] * (2 * sigma) ** 2
    similarity = np.exp(-(joint_distances(found, truth) ** 2) / spread[:, None])
    annotated = (truth[..., 2] > 0).sum(axis=1)
    return np.nan_to_num(similarity).sum(axis=-1) / np.maximum(annotated, 1)[:, None]


def correct_joints(
    found: Float[np.ndarray, "found joint 3"],
    truth: Float[np.ndarray, "truth joint 3"],
    head_size: Float[np.ndarray, "truth"],
) -> Bool[np.ndarray, "truth found joint"]:
    """Say which joints of each pair lie within half a head of each other.

    Args:
        head_size: Length of each true person's head in pixels, such as head top to upper neck.
    """
    return joint_distances(found, truth) <= 0.5 * head_size[:, None, None]


def pckh(
    found: Float[np.ndarray, "found joint 3"],
    truth: Float[np.ndarray, "truth joint 3"],
    head_size: Float[np.ndarray, "truth"],
) -> tuple[int, int]:
    """Count the joints of one image that are right at PCKh@0.5, and those annotated.

    Sum both counts over all images, then divide: people with more annotated joints count more.
    Each true person is compared with the found one that gets most of their joints right; a
    person not found has all joints wrong.

    Source:
        Andriluka et al. 2014, section 4: within half the head's length.
    """
    right = correct_joints(found, truth, head_size).sum(axis=-1)
    matched = match_people(right.astype(float))
    people = np.flatnonzero(matched >= 0)
    annotated = int((truth[..., 2] > 0).sum())
    return int(right[people, matched[people]].sum()), annotated


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


def average_precision(
    similarities: list[Float[np.ndarray, "_ _"]],
    scores: list[Float[np.ndarray, "_"]],
    *,
    threshold: float,
) -> float:
    """Return the share of right people among the surest ones, averaged over all recalls, 0 to 1.

    Args:
        similarities: For each image, the similarity of (true, found) people, such as ``oks``.
        scores: For each image, how sure each found person is.
        threshold: Least similarity of a found person that is right.

    Returns:
        NaN without any true person.

    Source:
        COCO's evaluation: found people choose in order of their score the best true person left;
        precision made non-increasing, read at recalls 0, 0.01, ..., 1.
    """
    n_truth = sum(len(similarity) for similarity in similarities)
    if n_truth == 0:
        return float("nan")
    pairs = list(zip(similarities, scores, strict=True))
    right = np.concatenate([_right_people(sim, score, threshold) for sim, score in pairs])
    order = np.argsort(-np.concatenate(scores), kind="stable")

    n_right = np.cumsum(right[order])
    recall = n_right / n_truth
    precision = n_right / np.arange(1, len(right) + 1)
    best_from_here = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(best_from_here[np.searchsorted(recall, np.linspace(0, 1, 101))].mean())


def oks_ap(
    similarities: list[Float[np.ndarray, "_ _"]], scores: list[Float[np.ndarray, "_"]]
) -> float:
    """Return COCO's main figure: average precision over OKS thresholds 0.50, 0.55, ..., 0.95."""
    thresholds = np.linspace(0.5, 0.95, 10)
    return float(
        np.mean([average_precision(similarities, scores, threshold=t) for t in thresholds])
    )


def joint_distances(
    found: Float[np.ndarray, "found joint 3"], truth: Float[np.ndarray, "truth joint 3"]
) -> Float[np.ndarray, "truth found joint"]:
    """Return pixels between the joints of every pair; NaN where either has no such joint."""
    distance = np.linalg.norm(truth[:, None, :, :2] - found[None, :, :, :2], axis=-1)
    both = (truth[:, None, :, 2] > 0) & (found[None, :, :, 2] > 0)
    return np.where(both, distance, np.nan)


def _right_people(
    similarity: Float[np.ndarray, "truth found"],
    score: Float[np.ndarray, "found"],
    threshold: float,
) -> Bool[np.ndarray, "found"]:
    right = np.zeros(len(score), dtype=bool)
    left = similarity.copy()
    if not len(left):
        return right
    for person in np.argsort(-score, kind="stable"):
        best = left[:, person].argmax()
        if left[best, person] >= threshold:
            right[person] = True
            left[best] = -1
    return right
