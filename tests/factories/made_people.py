"""People made by hand, so that these tests need no data."""

import math

import torch

from pose_lib.lifting.bones import BONE_NAMES, joints_of
from pose_lib.lifting.training.camera import projected, seen_from_elsewhere
from pose_lib.lifting.training.config import CameraConfig, DistillConfig, GanConfig, TrainConfig

LENGTHS = {
    "hip_axis": 0.25,
    "spine": 0.6,
    "head": 0.25,
    "shoulder_axis": 0.42,
    "thigh": 0.52,
    "shin": 0.5,
    "upper_arm": 0.38,
    "forearm": 0.31,
}
TABLE = torch.tensor(
    [LENGTHS[name.removeprefix("left_").removeprefix("right_")] for name in BONE_NAMES]
)

TINY = TrainConfig(
    gan=GanConfig(n_generators=2, steps=6, batch=32, width=16, cycle_warmup_steps=3),
    distill=DistillConfig(steps=6, batch=32, width=16),
    use_gpu=False,
)
"""Settings under which a whole training takes a fraction of a second."""


def walking_bones(n_people, rng):
    """Unit bones of people who face the viewer and swing arms and legs; knees bend backward."""
    bones = torch.zeros(n_people, len(BONE_NAMES), 3)
    for number, name in enumerate(BONE_NAMES):
        swing = 0.6 * torch.randn(n_people, generator=rng)
        bend = torch.rand(n_people, generator=rng)
        if "axis" in name:
            bones[:, number, 0] = -1  # left to right of someone seen from the front
            continue
        if name in ("spine", "head"):
            angle = math.pi + 0.1 * swing
        elif "thigh" in name or "upper_arm" in name:
            angle = swing
        else:
            upper = bones[:, number - 1]
            angle = torch.atan2(upper[:, 2], upper[:, 1]) + (bend if "shin" in name else -bend)
        bones[:, number, 1], bones[:, number, 2] = torch.cos(angle), torch.sin(angle)
    return bones


def photographed(bones, rng):
    """2D poses in pixels of people of one build, before random cameras."""
    joints = joints_of(seen_from_elsewhere(bones * TABLE[:, None], CameraConfig(), rng))
    xy = 200 * projected(joints, CameraConfig(), rng) + torch.tensor([320.0, 240.0])
    return torch.cat([xy, torch.ones(len(xy), 15, 1)], dim=-1).numpy()
