"""How far poses are off once the best similarity has laid them over the true ones, for training."""

import torch
from jaxtyping import Float
from torch import Tensor


def aligned_distances(
    poses: Float[Tensor, "pose joint 3"], truth: Float[Tensor, "pose joint 3"]
) -> Float[Tensor, "pose joint"]:
    """Return each joint's distance to the truth after the best similarity without reflection.

    The similarity counts as given: the gradient tells how to change the pose's shape, not how to
    turn it. Where either is a single point there is none, and the distance is the truth's own.
    A pose with NaN or infinity has NaN for distances.

    Source: Umeyama 1991, doi:10.1109/34.88573, as ``pose_lib.evaluation.pose_metrics`` scores it.
    """
    poses = poses - poses.mean(dim=1, keepdim=True)
    truth = truth - truth.mean(dim=1, keepdim=True)
    return (poses @ _scaled_rotation(poses.detach(), truth) - truth).norm(dim=-1)


def _scaled_rotation(
    poses: Float[Tensor, "pose joint 3"], truth: Float[Tensor, "pose joint 3"]
) -> Float[Tensor, "pose 3 3"]:
    common = torch.nan_to_num(poses.mT @ truth, nan=0.0, posinf=0.0, neginf=0.0)
    left, stretch, right = torch.linalg.svd(common)  # which refuses what is no number
    handedness = torch.linalg.det(left @ right).sign()
    sides = torch.stack([torch.ones_like(handedness)] * 2 + [handedness], dim=1)
    extent = poses.square().sum(dim=(1, 2))
    scale = (stretch * sides).sum(1) / torch.where(extent > 0, extent, 1)
    return scale[:, None, None] * ((left * sides[:, None]) @ right)
