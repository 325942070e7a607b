"""Lifted people on disk: their 3D poses, and where each was found."""

import io
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float

from pose_lib.errors import InputError
from pose_lib.formats.openpose_json import write_openpose
from pose_lib.formats.whole_file import write_whole
from pose_lib.keypoints import Keypoints
from pose_lib.lifting.lifter import LiftedPoses
from pose_lib.skeleton import BODY_15, Skeleton


def write_lifted_poses(path: Path, keypoints: Keypoints, lifted: LiftedPoses) -> None:
    """Write an npz with one row per person, in the order of ``keypoints``.

    It holds ``poses3d`` (person, 15, 3) unitless, camera frame, pelvis at the origin, NaN where
    refused; ``spread`` (person, 15), how far from the true joint to expect each; ``filled``
    (person, 15); ``refused``, why; ``filename`` and ``image``, where the person was found;
    ``keypoints`` as detected; ``joints`` and ``keypoint_joints``, the names.
    """
    filenames = np.array(keypoints.filename, dtype=np.str_)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        poses3d=lifted.poses3d,
        spread=lifted.spread,
        filled=lifted.filled,
        refused=np.array(lifted.refused, dtype=np.str_),
        filename=filenames[keypoints.image],
        image=keypoints.image,
        keypoints=keypoints.keypoints,
        joints=np.array(BODY_15.joints),
        keypoint_joints=np.array(keypoints.skeleton.joints),
    )
    write_whole(path, buffer.getvalue())


def read_lifted_poses(path: Path) -> LiftedPoses:
    """Read what `write_lifted_poses` wrote.

    Raises:
        InputError: If the file is none of those.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            refused = tuple(str(reason) for reason in arrays["refused"])
            return LiftedPoses(arrays["poses3d"], arrays["filled"], refused, arrays["spread"])
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"cannot read 3D poses from {path}: {error}") from error


def write_openpose_3d(folder: Path, keypoints: Keypoints, lifted: LiftedPoses) -> None:
    """Write OpenPose JSON with both the 2D and the 3D of every person, a file per image.

    The confidence of a 3D joint is 1 where it was seen and 0.5 where the lifter filled it in.
    """
    write_openpose(keypoints, folder, lifted=_on_skeleton(lifted, keypoints.skeleton))


def _on_skeleton(lifted: LiftedPoses, skeleton: Skeleton) -> Float[np.ndarray, "person joint 4"]:
    """Return x, y, z and confidence by the detector's joints; those never lifted are missing."""
    xyzc = np.full((len(lifted), len(skeleton), 4), np.nan, np.float32)
    for joint in set(skeleton.joints) & set(BODY_15.joints):
        here, there = skeleton.index(joint), BODY_15.index(joint)
        xyzc[:, here, :3] = lifted.poses3d[:, there]
        xyzc[:, here, 3] = np.where(lifted.filled[:, there], 0.5, 1)
    return xyzc
