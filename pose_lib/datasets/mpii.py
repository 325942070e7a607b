"""MPII Human Pose annotations: the original ``.mat``, or an ``.npz`` of complete people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from pose_lib.annotations import Annotations
from pose_lib.errors import InputError
from pose_lib.files.mat import mat_variables, read_mat_variable
from pose_lib.files.npz import npz_keys, read_npz
from pose_lib.files.parsing import validation_errors
from pose_lib.formats.missing_joints import nan_where_missing
from pose_lib.skeleton import MPII_16


@dataclass(frozen=True)
class MpiiRelease:
    """The annotated people of MPII, those of whom only a head or a position is known too.

    Attributes:
        people: On MPII_16. A joint counts as visible unless the file says that it is hidden.
        train: Which images are for training; the others' joints are withheld.
        apart: Who stands far enough from everybody else to be cropped alone (`single_person`).
        stated: Of which joints the file says whether they can be seen.
        repeated: Points of each person that were left out, for the joint was given before.
        unusable: Points of each person that were left out for want of a valid id, x or y.
        activity: What is done in each image, such as ``yoga``; empty where not told.
        version: As written in the file.
    """

    people: Annotations
    train: Bool[np.ndarray, "image"]
    apart: Bool[np.ndarray, "person"]
    stated: Bool[np.ndarray, "person joint"]
    repeated: Int[np.ndarray, "person"]
    unusable: Int[np.ndarray, "person"]
    activity: tuple[str, ...]
    version: str

    def __post_init__(self) -> None:
        per_image = {len(self.train), len(self.activity), len(self.people.filename)}
        per_person = {len(self.apart), len(self.stated), len(self.repeated), len(self.unusable)}
        if len(per_image) != 1 or per_person != {len(self.people)}:
            raise ValueError(
                f"lengths disagree: per image {sorted(per_image)}, "
                f"per person {sorted(per_person | {len(self.people)})}"
            )


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


HEAD_SHARE = 0.6
"""Head size over the diagonal of the head's rectangle; `SC_BIAS` in MPII's own evaluation."""

_WHAT = "file of MPII annotations"
_MAT_STRUCTURE = "RELEASE.annolist(i).annorect(j).annopoints.point(k) with x, y, id"
_N_JOINTS = len(MPII_16)
_CORNERS = ("x1", "y1", "x2", "y2")


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
        raise InputError(f"{path}: whose joints are in which image is not told by a key image")
    return _of_joints(keypoints, names)


def read_mpii_release(path: Path) -> MpiiRelease:
    """Read ``mpii_human_pose_v1_u12_1.mat`` whole.

    Raises:
        InputError: If there is no such file, or it has another structure.

    Source:
        The README of MPII's annotations, release 1, update 12: x1 to y2 are the head's rectangle,
        ``scale`` is the height over 200 pixels, ``objpos`` a rough position, ids count from 0,
        ``single_person`` counts people from 1. Without ``img_train`` every image is for training.
    """
    _refuse_missing(path)
    release = _first(read_mat_variable(path, "RELEASE", _WHAT))
    if release is None or "annolist" not in _fields(release):
        found = ", ".join(mat_variables(path, _WHAT)) or "nothing"
        raise InputError(f"{path}: expected {_MAT_STRUCTURE}; found {found}")
    with validation_errors(path, f"annotations as expected, {_MAT_STRUCTURE}"):
        return _release(release)


@dataclass(frozen=True)
class _Person:
    """One ``annorect`` as plain values."""

    image: int
    apart: bool
    joints: Float[np.ndarray, "16 3"]
    hidden: Bool[np.ndarray, "16"]
    stated: Bool[np.ndarray, "16"]
    repeated: int
    unusable: int
    center: tuple[float, float]
    scale: float
    head_size: float


def _release(release: np.void) -> MpiiRelease:
    images = np.ravel(release["annolist"])
    people = list(_people(images, _apart(release, len(images))))
    joints = _stacked([person.joints for person in people], (_N_JOINTS, 3), np.float32)
    hidden = _stacked([person.hidden for person in people], (_N_JOINTS,), np.bool_)
    return MpiiRelease(
        people=Annotations(
            skeleton=MPII_16,
            filename=tuple(_text(_get(_first(_get(image, "image")), "name")) for image in images),
            image=_stacked([person.image for person in people], (), np.int64),
            keypoints=joints,
            visible=(joints[..., 2] > 0) & ~hidden,
            center=_stacked([person.center for person in people], (2,), np.float32),
            scale=_stacked([person.scale for person in people], (), np.float32),
            head_size=_stacked([person.head_size for person in people], (), np.float32),
            area=np.full(len(people), np.nan, np.float32),
        ),
        train=_train(release, len(images)),
        apart=_stacked([person.apart for person in people], (), np.bool_),
        stated=_stacked([person.stated for person in people], (_N_JOINTS,), np.bool_),
        repeated=_stacked([person.repeated for person in people], (), np.int64),
        unusable=_stacked([person.unusable for person in people], (), np.int64),
        activity=_activities(release, len(images)),
        version=_text(_get(release, "version")),
    )


def _people(images: np.ndarray, apart: list[set[int]]) -> Iterator[_Person]:
    for row, image in enumerate(images):
        for number, person in enumerate(_structs(_get(image, "annorect")), start=1):
            position = _first(_get(person, "objpos"))
            yield _Person(
                row,
                number in apart[row],
                *_points(person),
                center=(_number(_get(position, "x")), _number(_get(position, "y"))),
                scale=_positive(_number(_get(person, "scale"))),
                head_size=_head_size(person),
            )


def _points(person: np.void) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int]:
    """Return joints, which are hidden, of which that is told, and how many were no good."""
    joints = np.tile(np.array([np.nan, np.nan, 0], np.float32), (_N_JOINTS, 1))
    hidden, stated = np.zeros(_N_JOINTS, bool), np.zeros(_N_JOINTS, bool)
    repeated = unusable = 0
    for annotation in _structs(_get(person, "annopoints")):
        for point in _structs(_get(annotation, "point")):
            joint, x, y = (_number(_get(point, name)) for name in ("id", "x", "y"))
            if joint not in range(_N_JOINTS) or not np.isfinite([x, y]).all():
                unusable += 1
                continue
            if joints[int(joint), 2]:
                repeated += 1
                continue
            joints[int(joint)] = x, y, 1
            seen = _number(_get(point, "is_visible"))
            stated[int(joint)], hidden[int(joint)] = np.isfinite(seen), seen == 0
    return joints, hidden, stated, repeated, unusable


def _head_size(person: np.void) -> float:
    x1, y1, x2, y2 = (_number(_get(person, corner)) for corner in _CORNERS)
    return _positive(HEAD_SHARE * float(np.hypot(x2 - x1, y2 - y1)))


def _apart(release: np.void, n_images: int) -> list[set[int]]:
    """Return for each image the people who stand apart, counted from 1."""
    cells = _get(release, "single_person")
    if cells is None or np.size(cells) == 0:
        return [set()] * n_images
    people = [set(np.ravel(cell).tolist()) for cell in np.ravel(cells)]
    if len(people) != n_images:
        raise ValueError(f"single_person is about {len(people)} images, annolist about {n_images}")
    return people


def _train(release: np.void, n_images: int) -> Bool[np.ndarray, "image"]:
    if "img_train" not in _fields(release):
        return np.ones(n_images, bool)
    train = np.ravel(release["img_train"])
    if len(train) != n_images:
        raise ValueError(f"img_train is about {len(train)} images, annolist about {n_images}")
    return train.astype(np.float64) == 1


def _activities(release: np.void, n_images: int) -> tuple[str, ...]:
    names = tuple(_text(_get(activity, "act_name")) for activity in _structs(_get(release, "act")))
    if names and len(names) != n_images:
        raise ValueError(f"act is about {len(names)} images, annolist about {n_images}")
    return names or ("",) * n_images


def _stacked(values: list[Any], shape: tuple[int, ...], kind: type) -> np.ndarray:
    return np.array(values, kind).reshape(-1, *shape)


def _fields(value: Any) -> tuple[str, ...]:
    """Return the names of a struct's fields; what is empty in MATLAB is no struct and has none."""
    dtype = getattr(value, "dtype", None)
    return (dtype.names if dtype is not None else None) or ()


def _structs(value: Any) -> np.ndarray:
    """Return a struct array in one dimension, whether it has many elements, one or none."""
    return np.ravel(value) if _fields(value) else np.empty(0, np.void)


def _first(value: Any) -> np.void | None:
    elements = _structs(value)
    return elements[0] if len(elements) else None


def _get(struct: np.void | None, name: str) -> Any:
    """Return a field's value, None where the struct lacks it."""
    return struct[name] if struct is not None and name in _fields(struct) else None


def _number(value: Any) -> float:
    """Return a number, written as one or as text; NaN where there is none."""
    while isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _positive(value: float) -> float:
    return value if value > 0 else float("nan")


def _text(value: Any) -> str:
    return str(np.ravel(value)[0]) if value is not None and np.size(value) else ""


def _is_mat(path: Path) -> bool:
    return path.suffix.lower() == ".mat"


def _refuse_missing(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"there is no file of MPII annotations at {path}")


def _read_npz(path: Path) -> tuple[Float[np.ndarray, "person 16 3"], np.ndarray | None]:
    """Read ``joints`` (person, 16, 2) in pixels, in the order of ``joint_names``, and ``image``.

    A joint is missing where it is not finite or lies at (0, 0) or (-1, -1), as is customary.

    Returns:
        The joints of each person, and the names of their images where the file has those.
    """
    arrays = _npz_arrays(path)
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


_NPZ_KEYS = {"joints", "joint_names"}


def _npz_arrays(path: Path) -> dict[str, np.ndarray]:
    _refuse_missing(path)
    arrays = read_npz(path, _WHAT, _NPZ_KEYS | {"image"})
    if not set(arrays) >= _NPZ_KEYS:
        found = ", ".join(npz_keys(path, _WHAT)) or "none"
        raise InputError(f"{path}: expected the keys joints, joint_names; found {found}")
    return arrays
