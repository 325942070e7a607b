"""Errors of 3D poses in mm, after alignment.

A single view determines neither size nor distance, so every figure aligns at least the scale. PA
figures align a rotation too. A mirror image is not a rotation: unless said otherwise it counts as
wrong.
"""

import numpy as np
from jaxtyping import Float

PCK_THRESHOLD = 150.0
"""mm within which a joint counts as found; Mehta et al. 2017, arXiv:1611.09813."""

AUC_THRESHOLDS = np.linspace(0, PCK_THRESHOLD, 31)

_MIRROR_GAIN = 1.0  # mm by which reflection must help before a pose counts as mirrored


def joint_errors_scaled(
    poses: Float[np.ndarray, "pose joint 3"], truth: Float[np.ndarray, "pose joint 3"]
) -> Float[np.ndarray, "pose joint"]:
    """Return each joint's distance to the truth after the best scale about the origin.

    Source: Rhodin et al. 2018, arXiv:1803.04775, for the least-squares scale of N-MPJPE.
    """
    poses, truth = poses.astype(np.float64), truth.astype(np.float64)
    extent = (poses**2).sum((1, 2))
    scale = (poses * truth).sum((1, 2)) / np.where(extent > 0, extent, 1)
    return np.linalg.norm(scale[:, None, None] * poses - truth, axis=-1)


def joint_errors_aligned(
    poses: Float[np.ndarray, "pose joint 3"],
    truth: Float[np.ndarray, "pose joint 3"],
    *,
    reflect: bool = False,
) -> Float[np.ndarray, "pose joint"]:
    """Return each joint's distance to the truth after the best similarity (Procrustes).

    Args:
        reflect: Whether the similarity may mirror the pose; many published figures allow it.

    Source: Umeyama 1991, doi:10.1109/34.88573.
    """
    poses = poses.astype(np.float64) - poses.mean(1, keepdims=True, dtype=np.float64)
    truth = truth.astype(np.float64) - truth.mean(1, keepdims=True, dtype=np.float64)
    left, stretch, right = np.linalg.svd(np.einsum("pji,pjk->pik", poses, truth))
    if not reflect:
        handedness = np.sign(np.linalg.det(left) * np.linalg.det(right))
        left[:, :, -1] *= handedness[:, None]
        stretch[:, -1] *= handedness
    extent = (poses**2).sum((1, 2))
    scale = stretch.sum(1) / np.where(extent > 0, extent, 1)
    aligned = scale[:, None, None] * (poses @ (left @ right))
    return np.linalg.norm(aligned - truth, axis=-1)


def pck(errors: Float[np.ndarray, "pose joint"], threshold: float = PCK_THRESHOLD) -> float:
    """Return the share of joints, 0 to 1, with an error of at most ``threshold`` mm."""
    return float(np.mean(errors <= threshold))


def auc(errors: Float[np.ndarray, "pose joint"]) -> float:
    """Return the mean PCK, 0 to 1, over thresholds of 0 to 150 mm in 31 steps."""
    return float(np.mean([pck(errors, threshold) for threshold in AUC_THRESHOLDS]))


def mirror_rate(
    strict: Float[np.ndarray, "pose joint"], reflected: Float[np.ndarray, "pose joint"]
) -> float:
    """Return the share of poses, 0 to 1, that reflection brings over 1 mm nearer to truth.

    Args:
        strict: Aligned errors without reflection.
        reflected: Aligned errors where reflection is allowed.
    """
    return float(np.mean(strict.mean(1) > reflected.mean(1) + _MIRROR_GAIN))
