"""Keypoints as a pair of numpy files: the people, and row by row the image each was found in.

``joints.txt`` beside them names the joints, one a line, for whoever wants to know what
``keypoints[:, 4]`` is. Images without people, sizes and scores have no place in the pair.
"""

import io
from pathlib import Path

import numpy as np

from pose_lib.errors import InputError
from pose_lib.files.atomic_write import write_atomic
from pose_lib.files.locations import Location
from pose_lib.files.npz import read_npy
from pose_lib.files.parsing import read_text
from pose_lib.files.safe_names import refuse_escaping_names
from pose_lib.formats.missing_joints import mean_confidence, nan_where_missing, zero_where_missing
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.skeleton import BODY_15, BODY_25, COCO_17, COCO_18, MPII_16, SKELETONS, Skeleton

KEYPOINTS_FILE = "keypoints.npy"
FILENAMES_FILE = "filenames.npy"
JOINTS_FILE = "joints.txt"

_ASSUMED = {len(skeleton): skeleton for skeleton in (BODY_15, MPII_16, COCO_17, COCO_18, BODY_25)}


def write_npy_pair(keypoints: Keypoints, folder: Location) -> Location:
    """Write ``keypoints.npy``, ``filenames.npy`` and ``joints.txt``; return the folder."""
    xyc = zero_where_missing(keypoints.keypoints)
    names = [keypoints.filename[row] for row in keypoints.image]
    joints = "".join(f"{joint}\n" for joint in keypoints.skeleton.joints)

    write_atomic(folder / JOINTS_FILE, joints.encode())
    write_atomic(folder / FILENAMES_FILE, _npy(np.array(names, dtype=np.str_)))
    write_atomic(folder / KEYPOINTS_FILE, _npy(xyc))
    return folder


def read_npy_pair(folder: Path) -> Keypoints:
    """Read a pair back; a joint of confidence 0 is missing, a person's score its mean confidence.

    Without ``joints.txt`` the skeleton follows from the number of joints: 15 are BODY_15, 16
    MPII_16, 17 COCO_17, 18 COCO_18 and 25 BODY_25.

    Raises:
        InputError: If a file is missing, or their shapes, types or names do not fit.
    """
    xyc, names = _load(folder / KEYPOINTS_FILE), _load(folder / FILENAMES_FILE)
    if xyc.ndim != 3 or xyc.shape[2] != 3 or not np.issubdtype(xyc.dtype, np.floating):
        raise InputError(
            f"{folder / KEYPOINTS_FILE}: expected floats of shape (person, joint, 3), "
            f"found {xyc.dtype} of {xyc.shape}"
        )
    if names.shape != xyc.shape[:1] or not np.issubdtype(names.dtype, np.str_):
        raise InputError(
            f"{folder / FILENAMES_FILE}: expected {len(xyc)} names, one for each person, "
            f"found {names.dtype} of {names.shape}"
        )
    refuse_escaping_names(set(names.tolist()), folder / FILENAMES_FILE)
    return _keypoints(xyc, names, _skeleton(folder, xyc.shape[1]))


def _keypoints(xyc: np.ndarray, names: np.ndarray, skeleton: Skeleton) -> Keypoints:
    order = np.argsort(names, kind="stable")
    filenames, image = np.unique(names[order], return_inverse=True)
    xyc = nan_where_missing(xyc[order])
    return Keypoints(
        skeleton=skeleton,
        filename=tuple(filenames.tolist()),
        size=np.zeros((len(filenames), 2), np.int32),
        status=np.full(len(filenames), ImageStatus.OK, np.int64),
        reason=("",) * len(filenames),
        keypoints=xyc,
        image=image,
        score=mean_confidence(xyc),
    )


def _skeleton(folder: Path, n_joints: int) -> Skeleton:
    listed = folder / JOINTS_FILE
    if not listed.exists():
        if n_joints in _ASSUMED:
            return _ASSUMED[n_joints]
        raise InputError(f"{folder / KEYPOINTS_FILE}: no skeleton of {n_joints} joints is known")
    joints = tuple(read_text(listed, "list of joints").split())
    for skeleton in SKELETONS:
        if skeleton.joints == joints and len(joints) == n_joints:
            return skeleton
    raise InputError(f"{listed}: no known skeleton has these joints, {n_joints} and in this order")


def _npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()


def _load(path: Path) -> np.ndarray:
    if not path.exists():
        raise InputError(f"{path} is missing; a pair is {KEYPOINTS_FILE} + {FILENAMES_FILE}")
    return read_npy(path, "numpy file")
