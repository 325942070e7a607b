"""A small file of 3D truth, of people that no one ever was."""

from pathlib import Path

import numpy as np

from pose_lib.skeleton import BODY_15

_N_POSES = 4


def make_truth(path: Path) -> Path:
    """Write the file and return its path."""
    rng = np.random.default_rng(0)
    seen = rng.uniform(100, 500, (_N_POSES, 25, 3)).astype(np.float32)
    seen[..., 2] = 1
    names = [name.replace("left_", "l").replace("right_", "r") for name in BODY_15.joints]
    joints3d = rng.normal(0, 300, (_N_POSES, len(names), 3)).astype(np.float32)
    np.savez(
        path,
        kp2d_body25=seen,
        kp2d_body25_noisy=seen + 1,
        joints3d_cam=joints3d,
        joints=np.array(names),
    )
    return path
