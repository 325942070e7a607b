"""Lifted people on disk: their 3D poses, and where each was found."""

import io
from pathlib import Path

import numpy as np

from pose_lib.formats.whole_file import write_whole
from pose_lib.keypoints import Keypoints
from pose_lib.lifting.lifter import LiftedPoses
from pose_lib.skeleton import BODY_15

FILE_NAME = "poses3d.npz"


def write_lifted_poses(path: Path, keypoints: Keypoints, lifted: LiftedPoses) -> None:
    """Write one row per person, in the order of ``keypoints``, as a plain npz.

    ``poses3d`` (person, 15, 3) unitless, camera frame, pelvis at the origin, NaN where refused;
    ``filled`` (person, 15); ``refused``, why; ``filename`` and ``image``, where the person was
    found; ``keypoints`` as detected; ``joints`` and ``keypoint_joints``, the names.
    """
    names = np.array(keypoints.filename)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        poses3d=lifted.poses3d,
        filled=lifted.filled,
        refused=np.array(lifted.refused, dtype=np.str_),
        filename=names[keypoints.image] if len(names) else names.astype(np.str_),
        image=keypoints.image,
        keypoints=keypoints.keypoints,
        joints=np.array(BODY_15.joints),
        keypoint_joints=np.array(keypoints.skeleton.joints),
    )
    write_whole(path, buffer.getvalue())
