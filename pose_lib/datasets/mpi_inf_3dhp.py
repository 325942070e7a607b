"""Reader of MPI-INF-3DHP's test set: ``TS1`` to ``TS6`` with an ``annot_data.mat`` each."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pose_lib.convert import convert_keypoints
from pose_lib.datasets.scored_poses import GroupedPoses, body_15_truth, with_confidence
from pose_lib.errors import InputError
from pose_lib.files.npz import FREELY_UNPACKED_BYTES, MAX_PACKING
from pose_lib.files.parsing import bounded_memory, parse_errors
from pose_lib.skeleton import BODY_15, Skeleton

ANNOTATIONS = "annot_data.mat"

_COPIES = 6
"""Of what a file may hold, that reading may fill memory with: three arrays, packed and unpacked."""

MPI_3DHP_17 = Skeleton(
    name="MPI_3DHP_17",
    joints=(
        "head_top",
        "upper_neck",
        "right_shoulder",
        "right_elbow",
        "right_wrist",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "right_hip",
        "right_knee",
        "right_ankle",
        "left_hip",
        "left_knee",
        "left_ankle",
        "pelvis",
        "spine",
        "head",
    ),
    bones=(),
    source="MPI-INF-3DHP's mpii_get_joints.m, set 'relevant'; Mehta et al. 2017, arXiv:1611.09813. "
    "Its neck is the throat, MPII's upper neck.",
)


def read_mpi_3dhp_truth(folder: Path) -> GroupedPoses:
    """Return the valid frames of the test sequences, grouped by sequence.

    The 3D is ``univ_annot3``, every person scaled to one height, as the data set's own evaluation
    takes it.

    Raises:
        InputError: If there is no sequence, or one cannot be read.
    """
    files = find_sequences(folder)
    parts = {file.parent.name: _read_sequence(file) for file in files}
    joints = np.concatenate([joints3d for _, joints3d in parts.values()])
    return GroupedPoses(
        poses=np.concatenate([poses for poses, _ in parts.values()]),
        joints3d=body_15_truth(joints, MPI_3DHP_17.joints, folder, lacking=("nose",)),
        group=tuple(name for name, (poses, _) in parts.items() for _ in poses),
        grouped_by="sequence",
        facts=(("sequences", list(parts)),),
    )


def find_sequences(folder: Path) -> list[Path]:
    """Return the annotation files of the sequences in a folder, TS1 first."""
    return sorted(folder.glob(f"TS[1-6]/{ANNOTATIONS}"))


def _read_sequence(
    path: Path,
) -> tuple[Float[np.ndarray, "pose 15 3"], Float[np.ndarray, "pose 17 3"]]:
    arrays = _read_arrays(path, ("annot2", "univ_annot3", "valid_frame"))
    valid = arrays["valid_frame"].reshape(-1) == 1
    if not valid.any():
        raise InputError(f"{path}: no frame is valid")
    xy = _frames(path, "annot2", arrays["annot2"], 2, len(valid))[valid]
    joints = _frames(path, "univ_annot3", arrays["univ_annot3"], 3, len(valid))[valid]
    if not np.isfinite(joints).all():
        raise InputError(f"{path}: univ_annot3 holds NaN in valid frames")
    return convert_keypoints(with_confidence(xy), MPI_3DHP_17, BODY_15), joints


def _frames(
    path: Path, key: str, array: np.ndarray, n_axes: int, n_frames: int
) -> Float[np.ndarray, "frame 17 axis"]:
    wanted = (n_frames, 1, len(MPI_3DHP_17), n_axes)
    if array.shape != wanted:
        raise InputError(f"{path}: {key} must have the shape {wanted}, not {array.shape}")
    return array[:, 0].astype(np.float32)


def _read_arrays(path: Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Read arrays of a MATLAB 7.3 file, which is HDF5 with the axes in reverse."""
    try:
        import h5py  # of no use but for this data set
    except ImportError as error:
        raise InputError(
            f"{path} is an HDF5 file, which needs h5py: pip install 'poselift[hdf5]'"
        ) from error
    what = "HDF5 file (MATLAB 7.3)"
    with parse_errors(path, what):
        room = max(FREELY_UNPACKED_BYTES, MAX_PACKING * path.stat().st_size)
    with parse_errors(path, what), bounded_memory(_COPIES * room), h5py.File(path, "r") as file:
        try:
            # A link may lead into another file, which was not named by the user.
            here = [key for key in keys if isinstance(file.get(key, getlink=True), h5py.HardLink)]
            found = {key: file[key] for key in here if isinstance(file[key], h5py.Dataset)}
            if missing := [key for key in keys if key not in found]:
                raise InputError(f"{path} is no annotation of MPI-INF-3DHP: no {missing[0]}")
            return {key: _numbers(path, key, dataset, room) for key, dataset in found.items()}
        except (KeyError, TypeError) as error:  # h5py's, at what is damaged
            raise ValueError(str(error)) from error


def _numbers(path: Path, key: str, dataset: Any, room: int) -> np.ndarray:
    """Return the numbers of an HDF5 dataset that fills no more than this room."""
    if dataset.dtype.kind not in "fiu" or dataset.is_virtual or dataset.external:
        raise InputError(f"{path}: {key} must hold numbers, in this file")
    if dataset.nbytes > room:
        raise InputError(f"{path}: {key} would take {dataset.nbytes} bytes, out of all proportion")
    return np.asarray(dataset[()])
