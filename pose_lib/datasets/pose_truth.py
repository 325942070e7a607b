"""Reader of 3D truth files: poses whose 2D and 3D are both known, for evaluation only."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pose_lib.convert import convert_keypoints
from pose_lib.datasets.scored_poses import body_15_truth
from pose_lib.errors import InputError
from pose_lib.files.locations import Location
from pose_lib.files.npz import read_npz
from pose_lib.formats.missing_joints import nan_where_missing
from pose_lib.skeleton import BODY_15, BODY_25

_KEYS = ("kp2d_body25", "kp2d_body25_noisy", "joints3d_cam", "joints")


@dataclass(frozen=True)
class PoseTruth:
    """Poses with 2D input and 3D truth.

    Attributes:
        clean: Exact projections, x, y in pixels and confidence.
        noisy: The same as a poor detector would report them; missing is ``(nan, nan, 0)``.
        joints3d: mm, camera frame, pelvis at the origin.
    """

    clean: Float[np.ndarray, "pose 15 3"]
    noisy: Float[np.ndarray, "pose 15 3"]
    joints3d: Float[np.ndarray, "pose 15 3"]

    def __len__(self) -> int:
        return len(self.joints3d)


def read_pose_truth(path: Path) -> PoseTruth:
    """Read an npz file of 2D poses and their 3D truth.

    It holds ``kp2d_body25`` and ``kp2d_body25_noisy`` (pose, 25, 3), ``joints3d_cam``
    (pose, n, 3) in mm and ``joints``, the n names such as ``lhip``.

    Raises:
        InputError: If the file is none, or an array is missing or of a wrong shape.
    """
    arrays = read_truth_arrays(path, _KEYS, what="3D truth file")
    joints = tuple(str(name) for name in arrays["joints"].reshape(-1))
    n_poses = arrays["joints3d_cam"].shape[0] if arrays["joints3d_cam"].ndim else 0
    _require_shape(path, "joints3d_cam", arrays["joints3d_cam"], (n_poses, len(joints), 3))
    for key in _KEYS[:2]:
        _require_shape(path, key, arrays[key], (n_poses, len(BODY_25), 3))
    if not n_poses or not np.isfinite(arrays["joints3d_cam"]).all():
        raise InputError(f"{path}: joints3d_cam must hold at least one pose and no NaN")
    return PoseTruth(
        clean=convert_keypoints(nan_where_missing(arrays["kp2d_body25"]), BODY_25, BODY_15),
        noisy=convert_keypoints(nan_where_missing(arrays["kp2d_body25_noisy"]), BODY_25, BODY_15),
        joints3d=body_15_truth(arrays["joints3d_cam"].astype(np.float32), joints, path),
    )


def read_truth_arrays(
    path: Location, keys: tuple[str, ...], *, what: str, otherwise: str = ""
) -> dict[str, np.ndarray]:
    """Read the named arrays of an npz file.

    Args:
        what: What the file should be, for errors: ``3D truth file``.
        otherwise: What to do with a file that lacks an array.

    Raises:
        InputError: If it cannot be read, or lacks an array.
    """
    arrays = read_npz(path, what, keys)
    if missing := [key for key in keys if key not in arrays]:
        raise InputError(
            f"{path} is no {what}: it lacks {', '.join(missing)} (needed: {', '.join(keys)})"
            + otherwise
        )
    return arrays


def _require_shape(path: Path, key: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape or not np.issubdtype(array.dtype, np.floating):
        raise InputError(
            f"{path}: {key} must hold floating-point numbers of shape {shape}, "
            f"not {array.dtype} of shape {array.shape}"
        )
