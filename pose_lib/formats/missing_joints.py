"""Missing joints: ``nan nan 0`` inside the program, ``0 0 0`` in files that know no NaN."""

import numpy as np
from jaxtyping import Float, Real


def zero_where_missing(
    keypoints: Float[np.ndarray, "person joint 3"],
) -> Float[np.ndarray, "person joint 3"]:
    """Return the keypoints as float32 with ``0 0 0`` where a joint is missing."""
    return np.where(keypoints[..., 2:] > 0, keypoints, 0).astype(np.float32)


def nan_where_missing(
    keypoints: Real[np.ndarray, "person joint 3"],
) -> Float[np.ndarray, "person joint 3"]:
    """Return the keypoints as float32 with ``nan nan 0`` where the confidence is not above 0."""
    missing = np.array([np.nan, np.nan, 0], np.float32)
    return np.where(keypoints[..., 2:] > 0, keypoints, missing).astype(np.float32)


def mean_confidence(
    keypoints: Float[np.ndarray, "person joint 3"],
) -> Float[np.ndarray, "person"]:
    """Return the mean confidence of each person's joints: a score for files that have none."""
    confidence = keypoints[..., 2]
    return (confidence.sum(-1) / np.maximum((confidence > 0).sum(-1), 1)).astype(np.float32)
