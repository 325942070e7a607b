"""Which people to show when there are more than fit."""

import numpy as np
from jaxtyping import Bool, Int

from pose_lib.keypoints import Keypoints


def featured_people(
    keypoints: Keypoints, eligible: Bool[np.ndarray, "person"], n_people: int
) -> Int[np.ndarray, "shown"]:
    """Return the rows of people to show, most complete and highest score first.

    Each image gives its best person before any image gives a second one.
    """
    n_joints = (keypoints.keypoints[..., 2] > 0).sum(1)
    best_first = np.lexsort((-keypoints.score, -n_joints))
    best_first = best_first[eligible[best_first]]
    turn = _turns(keypoints.image[best_first])
    return best_first[np.argsort(turn, kind="stable")][:n_people]


def _turns(images: Int[np.ndarray, "person"]) -> Int[np.ndarray, "person"]:
    """Return for each person how many of the same image come before."""
    seen: dict[int, int] = {}
    turns = []
    for image in images.tolist():
        turns.append(seen.get(image, 0))
        seen[image] = turns[-1] + 1
    return np.array(turns, dtype=np.int64)
