"""MPII Human Pose annotations: the original ``.mat``, or an ``.npz`` of complete people."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pose_lib.annotations import Annotations
from pose_lib.datasets.mpii_release import read_mpii_release
from pose_lib.errors import InputError
from pose_lib.files.npz import npz_keys, read_npz
from pose_lib.formats.missing_joints import nan_where_missing
from pose_lib.skeleton import MPII_16

_WHAT = "file of MPII annotations"
_NPZ_KEYS = ("joints", "joint_names")
_N_JOINTS = len(MPII_16)


def read_mpii(path: Path) -> Float[np.ndarray, "person 16 3"]:
    """Read the people with annotated joints as MPII_16; such a joint has confidence 1.

    Raises:
        InputError: If the file is neither kind of annotations, or holds nobody.
    """
    keypoints = read_mpii_release(path).people.keypoints if _is_mat(path) else _read_npz(path)[0]
    people = keypoints[(keypoints[..., 2] > 0).any(-1)]
    if not len(people):
        raise InputError(f"{path}: nobody in it has annotated joints")
    return people


def read_mpii_annotations(path: Path) -> Annotations:
    """Read everybody in an original ``.mat``, or in an ``.npz`` with the names of their images.

    Raises:
        InputError: If the file is neither.
    """
    if _is_mat(path):
        return read_mpii_release(path).people
    keypoints, names = _read_npz(path)
    if names is None:
        raise InputError(
            f"{path}: it does not say whose joints are in which image: it lacks the key image"
        )
    return _of_joints(keypoints, names)


def mpii_order(names: Sequence[str]) -> list[int]:
    """Return where each joint of MPII_16 is among names such as ``r_ankle`` or ``right_ankle``.

    Raises:
        ValueError: If they are not the names of its joints.
    """
    sides = {"r": "right", "l": "left"}
    parts = [name.partition("_") for name in names]
    full = [f"{sides.get(side, side)}{bar}{joint}" for side, bar, joint in parts]
    if sorted(full) != sorted(MPII_16.joints):
        raise ValueError(
            f"joint_names are {', '.join(names)}; expected {', '.join(MPII_16.joints)}"
        )
    return [full.index(joint) for joint in MPII_16.joints]


def _is_mat(path: Path) -> bool:
    return path.suffix.lower() == ".mat"


def _read_npz(path: Path) -> tuple[Float[np.ndarray, "person 16 3"], np.ndarray | None]:
    """Read ``joints`` (person, 16, 2) in pixels, in the order of ``joint_names``, and ``image``.

    A joint is missing where it is not finite or lies at (0, 0) or (-1, -1), as is customary.

    Returns:
        The joints of each person, and the names of their images where the file has those.
    """
    arrays = read_npz(path, _WHAT, {*_NPZ_KEYS, "image"})
    if not set(arrays).issuperset(_NPZ_KEYS):
        found = ", ".join(npz_keys(path, _WHAT)) or "none"
        raise InputError(f"{path}: expected the keys joints, joint_names; found {found}")
    joints, names = arrays["joints"], arrays.get("image")
    if joints.shape[1:] != (_N_JOINTS, 2) or joints.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: expected joints of shape (person, 16, 2), "
            f"found {joints.dtype} of {joints.shape}"
        )
    if names is not None and (names.shape != joints.shape[:1] or names.dtype.kind != "U"):
        raise InputError(
            f"{path}: expected the names of {len(joints)} people's images, "
            f"found {names.dtype} of {names.shape}"
        )
    try:
        order = mpii_order([str(name) for name in arrays["joint_names"].ravel()])
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    joints = joints[:, order].astype(np.float32)
    absent = ~np.isfinite(joints).all(-1) | (joints == 0).all(-1) | (joints == -1).all(-1)
    return nan_where_missing(np.concatenate([joints, ~absent[..., None]], axis=-1)), names


def _of_joints(keypoints: Float[np.ndarray, "person 16 3"], names: np.ndarray) -> Annotations:
    order = np.argsort(names, kind="stable")
    filename, image = np.unique(names[order], return_inverse=True)
    unknown = np.full(len(keypoints), np.nan, np.float32)
    return Annotations(
        skeleton=MPII_16,
        filename=tuple(filename.tolist()),
        image=image,
        keypoints=keypoints[order],
        visible=keypoints[order][..., 2] > 0,
        center=np.stack([unknown, unknown], axis=-1),
        scale=unknown,
        head_size=unknown,
        area=unknown,
    )
