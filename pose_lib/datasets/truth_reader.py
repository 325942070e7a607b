"""Reader of whatever 3D truth a lifter is scored on: finds out which data set it is."""

from pathlib import Path

from pose_lib.datasets.h36m import KEY_3D, read_h36m_truth
from pose_lib.datasets.mpi_inf_3dhp import ANNOTATIONS, find_sequences, read_mpi_3dhp_truth
from pose_lib.datasets.pose_truth import read_pose_truth
from pose_lib.datasets.scored_poses import GroupedPoses
from pose_lib.errors import InputError
from pose_lib.files.npz import npz_keys


def read_lifter_truth(truth: Path, poses2d: Path | None, *, noisy: bool) -> GroupedPoses:
    """Return the poses of our own truth file, of Human3.6M, or of MPI-INF-3DHP.

    Args:
        truth: An npz file of our own, VideoPose3D's ``data_3d_h36m.npz``, or the folder with
            ``TS1`` to ``TS6`` of MPI-INF-3DHP.
        poses2d: VideoPose3D's file of the 2D, with Human3.6M only.
        noisy: Whether to take the noisy 2D, which only our own files have.

    Raises:
        InputError: If it is none of them, or cannot be read.
    """
    is_h36m = holds(truth, KEY_3D)
    if poses2d is not None and not is_h36m:
        raise InputError(
            f"{truth} has its 2D with it; --poses2d goes with VideoPose3D's data_3d_h36m.npz alone"
        )
    if not is_h36m and not truth.is_dir():
        own = read_pose_truth(truth)
        return GroupedPoses(own.noisy if noisy else own.clean, own.joints3d)
    if noisy:
        raise InputError(f"{truth} has no noisy 2D; leave out --input noisy")
    if is_h36m:
        return read_h36m_truth(truth, _required(truth, poses2d))
    if not find_sequences(truth):
        raise InputError(
            f"{truth} is a folder without MPI-INF-3DHP's test set (TS1/{ANNOTATIONS} to "
            f"TS6/{ANNOTATIONS}); name it, data_3d_h36m.npz or a truth file (.npz)"
        )
    return read_mpi_3dhp_truth(truth)


def holds(path: Path, key: str) -> bool:
    """Say whether a file is an npz archive with an array of this name."""
    try:
        return path.is_file() and key in npz_keys(path, "archive")
    except InputError:
        return False


def _required(truth: Path, poses2d: Path | None) -> Path:
    if poses2d is None:
        raise InputError(
            f"{truth} is Human3.6M's 3D; name its 2D as well: --poses2d data_2d_h36m_gt.npz"
        )
    return poses2d
