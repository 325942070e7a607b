"""Small pictures and videos, and a truth of pictures with made-up people."""

import io

import cv2
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


def picture():
    """A smooth BGR picture without symmetry: 48 rows of 64."""
    rows, columns = np.mgrid[:48, :64]
    return np.dstack([rows * 5, columns * 3, 255 - rows * 2 - columns]).astype(np.uint8)


def encoded(image, kind, **options):
    """Return the content of a file of this kind, by Pillow."""
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def save_picture(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def save_video(path, n_frames):
    codec = cv2.VideoWriter.fourcc(*"MJPG")
    video = cv2.VideoWriter(str(path), codec, 10, (64, 48))
    for frame in range(n_frames):
        video.write(np.full((48, 64, 3), 20 * frame, np.uint8))
    video.release()
