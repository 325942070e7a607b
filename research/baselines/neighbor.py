"""Retrieval: the 3D of the motion-captured pose whose projection is most alike. Uses 3D.

After Chen and Ramanan 2017, "3D Human Pose Estimation = 2D Pose Estimation + Matching".
"""

import numpy as np
import torch

from pose_lib.lifting.bones import AVERAGE_LENGTHS, joints_of
from pose_lib.lifting.training.camera import projected, seen_from_elsewhere
from pose_lib.lifting.training.config import CameraConfig
from research.baselines.mocap import corpus_of
from research.baselines.people import best_match
from research.baselines.training import Trained

VIEWS = 100_000


def train(poses, *, budget, seed) -> Trained:  # noqa: ARG001 - nothing to train
    rng, camera = torch.manual_seed(seed), CameraConfig()
    bones = corpus_of(poses, camera).draw(VIEWS, rng) * AVERAGE_LENGTHS[:, None]
    bodies = seen_from_elsewhere(joints_of(bones), camera, rng)
    views = projected(bodies, camera, rng)

    def lift(given: np.ndarray) -> np.ndarray:
        joints = torch.from_numpy(given[..., :2]).float()
        index, _, _ = best_match(joints, torch.from_numpy(given[..., 2] > 0), views)
        return bodies[index].numpy()

    return Trained(lift)
