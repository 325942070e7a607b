"""Lifted people on disk: their 3D poses, and where each was found."""

import io

import numpy as np
from jaxtyping import Float

from pose_lib.datasets.pose_truth import read_truth_arrays
from pose_lib.errors import InputError
from pose_lib.files.atomic_write import write_atomic
from pose_lib.files.local_copy import local_copy
from pose_lib.files.locations import Location
from pose_lib.files.npz import read_npz
from pose_lib.formats.openpose_json import write_openpose
from pose_lib.keypoints import Keypoints
from pose_lib.lifting.lifter import LiftedPoses
from pose_lib.skeleton import BODY_15, Skeleton

_WHAT = "file of 3D poses"


def write_lifted_poses(path: Location, keypoints: Keypoints, lifted: LiftedPoses) -> None:
    """Write an npz with one row per person, in the order of ``keypoints``.

    It holds ``poses3d`` (person, 15, 3) unitless, camera frame, pelvis at the origin, NaN where
    refused; ``uncertainty`` (person, 15), the expected error of each joint; ``filled``
    (person, 15); ``refused``, why; ``filename`` and ``image``, where the person was found;
    ``keypoints`` as detected; ``joints`` and ``keypoint_joints``, the names.
    """
    filenames = np.array(keypoints.filename, dtype=np.str_)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        poses3d=lifted.poses3d,
        uncertainty=lifted.uncertainty,
        filled=lifted.filled,
        refused=np.array(lifted.refused, dtype=np.str_),
        filename=filenames[keypoints.image],
        image=keypoints.image,
        keypoints=keypoints.keypoints,
        joints=np.array(BODY_15.joints),
        keypoint_joints=np.array(keypoints.skeleton.joints),
    )
    write_atomic(path, buffer.getvalue())


def read_lifted_poses(path: Location) -> LiftedPoses:
    """Read what `write_lifted_poses` wrote.

    Raises:
        InputError: If the file is none of those.
    """
    with local_copy(path) as file:
        before = read_npz(file, _WHAT, ("spread",))  # the key of version 0.1.0
        uncertainty = "spread" if before else "uncertainty"
        arrays = read_truth_arrays(file, ("poses3d", "filled", "refused", uncertainty), what=_WHAT)
    n_people = arrays["refused"].size
    for key, kinds, axes in (("poses3d", "f", (3,)), ("filled", "b", ()), (uncertainty, "f", ())):
        wanted = (n_people, len(BODY_15), *axes)
        if arrays[key].shape != wanted or arrays[key].dtype.kind not in kinds:
            raise InputError(
                f"{path} is no {_WHAT}: {key} must have the shape {wanted}, not "
                f"{arrays[key].dtype} of {arrays[key].shape}; lift again"
            )
    refused = tuple(map(str, arrays["refused"].reshape(-1)))
    return LiftedPoses(arrays["poses3d"], arrays["filled"], refused, arrays[uncertainty])


def write_openpose_3d(folder: Location, keypoints: Keypoints, lifted: LiftedPoses) -> None:
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
