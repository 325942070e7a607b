"""MPII Human Pose annotations: the original ``.mat``, or an ``.npz`` of complete people."""

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from jaxtyping import Float

from pose_lib.errors import InputError
from pose_lib.formats.absence import nan_where_missing
from pose_lib.skeleton import MPII_16

_MAT_STRUCTURE = "RELEASE.annolist(i).annorect(j).annopoints.point(k) with x, y, id"


def read_mpii(path: Path) -> Float[np.ndarray, "person 16 3"]:
    """Read the annotated people as MPII_16; an annotated joint has confidence 1.

    Raises:
        InputError: If the file is neither kind of annotations, or holds nobody.
    """
    if not path.is_file():
        raise InputError(f"there is no file of MPII annotations at {path}")
    people = _read_mat(path) if path.suffix.lower() == ".mat" else _read_npz(path)
    if not len(people):
        raise InputError(f"{path}: nobody in it has annotated joints")
    return people


def _read_npz(path: Path) -> Float[np.ndarray, "person 16 3"]:
    """Read ``joints`` (person, 16, 2) in pixels, in the order of its ``joint_names``.

    A joint is missing where it is not finite or lies at (0, 0) or (-1, -1), as is customary.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if name in _NPZ_KEYS}
            found = archive.files
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} is no .npz that can be read: {error}") from error
    if set(arrays) != _NPZ_KEYS:
        raise InputError(
            f"{path}: expected the keys joints, joint_names; found {', '.join(found) or 'none'}"
        )
    joints = arrays["joints"]
    if joints.shape[1:] != (16, 2) or joints.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: expected joints of shape (person, 16, 2), "
            f"found {joints.dtype} of {joints.shape}"
        )
    joints = joints[:, _order(arrays["joint_names"], path)].astype(np.float32)
    absent = ~np.isfinite(joints).all(-1) | (joints == 0).all(-1) | (joints == -1).all(-1)
    return nan_where_missing(np.concatenate([joints, ~absent[..., None]], axis=-1))


_NPZ_KEYS = {"joints", "joint_names"}


def _order(names: np.ndarray, path: Path) -> list[int]:
    """Return where each joint of MPII_16 is among names such as ``r_ankle`` or ``right_ankle``."""
    long = {"r": "right", "l": "left"}
    parts = [str(name).partition("_") for name in names.ravel()]
    full = [f"{long.get(side, side)}{bar}{joint}" for side, bar, joint in parts]
    if sorted(full) != sorted(MPII_16.joints):
        raise InputError(
            f"{path}: joint_names are {', '.join(map(str, names.ravel()))}; "
            f"expected {', '.join(MPII_16.joints)}"
        )
    return [full.index(joint) for joint in MPII_16.joints]


def _read_mat(path: Path) -> Float[np.ndarray, "person 16 3"]:
    """Read ``mpii_human_pose_v1_u12_1.mat``; people without annotated joints are passed over."""
    try:
        content = scipy.io.loadmat(path, simplify_cells=True)
    except Exception as error:  # a damaged file makes scipy fail in many ways
        raise InputError(f"{path} is no .mat that can be read: {error}") from error
    if not isinstance(content.get("RELEASE"), dict) or "annolist" not in content["RELEASE"]:
        found = ", ".join(key for key in content if not key.startswith("__")) or "nothing"
        raise InputError(f"{path}: expected {_MAT_STRUCTURE}; found {found}")
    try:
        people = [_person(points) for points in _annotated(content["RELEASE"]["annolist"])]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{path}: expected {_MAT_STRUCTURE}; {error!r}") from error
    return np.array(people, np.float32).reshape(-1, 16, 3)


def _annotated(annolist: Any) -> Iterator[list[Mapping[str, Any]]]:
    for image in _structs(annolist):
        for person in _structs(image.get("annorect")):
            for annotation in _structs(person.get("annopoints")):
                if points := _structs(annotation["point"]):
                    yield points


def _person(points: list[Mapping[str, Any]]) -> Float[np.ndarray, "16 3"]:
    xyc = np.tile(np.array([np.nan, np.nan, 0], np.float32), (16, 1))
    for point in points:
        xyc[int(point["id"])] = float(point["x"]), float(point["y"]), 1
    return xyc


def _structs(value: Any) -> list[Mapping[str, Any]]:
    """Return a MATLAB struct array as a list, whether it has many elements, one or none."""
    if isinstance(value, Mapping):
        return [value]
    return [item for item in np.ravel(np.asarray(value, object)) if isinstance(item, Mapping)]
