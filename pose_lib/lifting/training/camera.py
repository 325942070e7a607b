"""Looking at 3D poses from somewhere else: rotations and random, realistic cameras.

Camera frame throughout: x right, y down, z away from the viewer. Lengths in trunk lengths.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from pose_lib.lifting.training.config import CameraConfig

_NEAREST_PLANE = 0.4  # of the pelvis' distance; keeps a hand at the lens from filling the picture


def pitched(
    points: Float[Tensor, "pose point 3"], angle: Float[Tensor, "pose"]
) -> Float[Tensor, "pose point 3"]:
    """Return points as seen by a camera that looks down by ``angle`` radians more."""
    cos, sin = _cos_sin(angle)
    x, y, z = points.unbind(-1)
    return torch.stack([x, cos * y - sin * z, sin * y + cos * z], dim=-1)


def turned(
    points: Float[Tensor, "pose point 3"], angle: Float[Tensor, "pose"]
) -> Float[Tensor, "pose point 3"]:
    """Return points turned about the vertical by ``angle`` radians."""
    cos, sin = _cos_sin(angle)
    x, y, z = points.unbind(-1)
    return torch.stack([cos * x + sin * z, y, cos * z - sin * x], dim=-1)


def rolled(
    points: Float[Tensor, "pose point 3"], angle: Float[Tensor, "pose"]
) -> Float[Tensor, "pose point 3"]:
    """Return points as seen by a camera tilted sideways by ``angle`` radians."""
    cos, sin = _cos_sin(angle)
    x, y, z = points.unbind(-1)
    return torch.stack([cos * x - sin * y, sin * x + cos * y, z], dim=-1)


def seen_from_elsewhere(
    points: Float[Tensor, "pose point 3"], camera: CameraConfig, rng: torch.Generator
) -> Float[Tensor, "pose point 3"]:
    """Return the same things in front of another random camera at any azimuth.

    What a camera sees is first made level by the mean pitch, since its own is not known.
    """
    n = len(points)
    level = pitched(points, torch.full((n,), -math.radians(camera.pitch_mean)))
    spun = turned(level, 2 * math.pi * torch.rand(n, generator=rng))
    pitch = camera.pitch_mean + camera.pitch_std * torch.randn(n, generator=rng)
    pitch = pitch.clamp(camera.min_pitch, camera.max_pitch)
    roll = camera.roll_std * torch.randn(n, generator=rng)
    return rolled(pitched(spun, pitch.deg2rad()), roll.deg2rad())


def projected(
    joints: Float[Tensor, "pose joint 3"], camera: CameraConfig, rng: torch.Generator
) -> Float[Tensor, "pose joint 2"]:
    """Return the picture taken from a random distance, in trunk lengths at the pelvis."""
    span = camera.farthest - camera.nearest
    distance = camera.nearest + span * torch.rand(len(joints), 1, 1, generator=rng)
    return joints[..., :2] / (1 + joints[..., 2:] / distance).clamp_min(_NEAREST_PLANE)


def _cos_sin(angle: Float[Tensor, "pose"]) -> tuple[Float[Tensor, "pose 1"], ...]:
    return angle.cos()[:, None], angle.sin()[:, None]
