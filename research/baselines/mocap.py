"""3D poses of motion capture, for the two references that may see them."""

import math
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from pose_lib.lifting.bones import bone_vectors
from pose_lib.lifting.training.camera import pitched
from pose_lib.lifting.training.canonical_people import with_midpoint_neck_and_pelvis
from pose_lib.lifting.training.config import CameraConfig
from pose_lib.lifting.training.synthesis import Corpus
from pose_lib.skeleton import BODY_15


def read_mocap(path: Path) -> Float[np.ndarray, "pose 15 3"]:
    """Return ``BODY_15`` in mm, x right, y down, z away from who looks at the front."""
    with np.load(path, allow_pickle=False) as motions:
        names, poses = motions["joints"].tolist(), motions["poses"]
    short = [joint.replace("left_", "l").replace("right_", "r") for joint in BODY_15.joints]
    picked = poses[:, [names.index({"neck": "thorax"}.get(name, name)) for name in short]]
    return with_midpoint_neck_and_pelvis(torch.from_numpy(picked).float()).numpy() * np.float32(
        [1, -1, -1]
    )


def corpus_of(poses: Float[np.ndarray, "pose 15 3"], camera: CameraConfig) -> Corpus:
    """Return level poses as if lifted from pictures, which look down by the camera's mean pitch."""
    bones = functional.normalize(bone_vectors(torch.from_numpy(poses)), dim=-1)
    tilt = torch.full((len(bones),), math.radians(camera.pitch_mean))
    weights: Tensor = torch.full((len(bones),), 1 / len(bones))
    return Corpus(pitched(bones, tilt), weights)
