"""A truth of pictures, with made-up people."""

import numpy as np
from made_benchmarks import standing

from pose_lib.skeleton import COCO_17

NAMES = (*COCO_17.joints, "left_heel")
_LIKE = {
    "left_heel": "left_ankle",
    **{f"{s}_{e}": "nose" for s in ("left", "right") for e in ("eye", "ear")},
}


def truth_arrays(**changes):
    """Two people beside each other in a.jpg, one in b.jpg, 200 pixels to the metre."""
    still = np.array([standing(_LIKE.get(joint, joint)) for joint in NAMES])
    noise = np.random.default_rng(0).normal(0, 0.05, (3, len(NAMES), 3))
    places = np.array([(-1.0, 0, 0), (1.0, 0, 0), (0, 0.5, 0)])
    east_away_up = still + noise + places[:, None]
    camera_frame = east_away_up[..., [0, 2, 1]] * [1, -1, 1] + [0, 1, 4]
    whole = {
        "files": np.array(["a.jpg", "b.jpg", "nobody.jpg"]),
        "image_index": np.array([0, 0, 1]),
        "kp_names": np.array(NAMES),
        "kp2d": (200 * camera_frame[..., :2] + [640, 360]).astype(np.float32),
        "vis": np.full((3, len(NAMES)), 2, np.int8),
        "kp3d_cam_mm": (1000 * camera_frame).astype(np.float32),
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def write_truth(folder, **changes):
    np.savez(folder / "truth.npz", **truth_arrays(**changes))
    return folder / "truth.npz"
