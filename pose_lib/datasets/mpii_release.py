"""MPII's original annotations, a ``.mat`` of nested structs, whole."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from pose_lib.annotations import Annotations
from pose_lib.errors import InputError
from pose_lib.files.mat import read_mat
from pose_lib.files.parsing import validation_errors
from pose_lib.skeleton import MPII_16

HEAD_SHARE = 0.6
"""Head size over the diagonal of the head's rectangle; `SC_BIAS` in MPII's own evaluation."""

_STRUCTURE = "RELEASE.annolist(i).annorect(j).annopoints.point(k) with x, y, id"
_N_JOINTS = len(MPII_16)
_NAN = float("nan")

_Struct = Mapping[str, Any]


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
        activity: What is done in each image, such as ``yoga``; empty where not known.
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


def read_mpii_release(path: Path) -> MpiiRelease:
    """Read ``mpii_human_pose_v1_u12_1.mat`` whole, or ``annolist`` saved alone.

    Raises:
        InputError: If it cannot be read, or has another structure.

    Source:
        The README of MPII's annotations, release 1, update 12: x1 to y2 are the head's rectangle,
        ``scale`` is the height over 200 pixels, ``objpos`` a rough position, ids count from 0,
        ``single_person`` counts people from 1. Without ``img_train`` every image is for training.
    """
    variables = read_mat(path, "file of MPII annotations")
    release = variables.get("RELEASE", variables)
    if not isinstance(release, dict) or "annolist" not in release:
        found = ", ".join(variables) or "nothing"
        raise InputError(f"{path}: expected {_STRUCTURE}; found {found}")
    with validation_errors(path, f"annotations as expected, {_STRUCTURE}"):
        return _release(release)


@dataclass(frozen=True)
class _Points:
    """The points of one person by their ids, and how many were left out."""

    joints: Float[np.ndarray, "16 3"]
    hidden: Bool[np.ndarray, "16"]
    stated: Bool[np.ndarray, "16"]
    repeated: int
    unusable: int


def _release(release: _Struct) -> MpiiRelease:
    images = _structs(release["annolist"])
    numbered = [
        (row, number, person)
        for row, image in enumerate(images)
        for number, person in enumerate(_structs(image.get("annorect")), start=1)
        if person  # an empty cell is nobody, but counts as a number
    ]
    apart = [set(np.ravel(some)) for some in _per_image(release, "single_person", len(images))]
    people = [person for _, _, person in numbered]
    points = [_points(person) for person in people]
    return MpiiRelease(
        people=_annotations(images, np.array([row for row, _, _ in numbered], int), people, points),
        train=_train(release, len(images)),
        apart=np.array([bool(apart) and number in apart[row] for row, number, _ in numbered], bool),
        stated=_rows([person.stated for person in points], _N_JOINTS).astype(bool),
        repeated=np.array([person.repeated for person in points], int),
        unusable=np.array([person.unusable for person in points], int),
        activity=_activities(release, len(images)),
        version=_text(release.get("version")),
    )


def _annotations(
    images: list[_Struct], rows: np.ndarray, people: list[_Struct], points: list[_Points]
) -> Annotations:
    positions = [_first(person.get("objpos")) for person in people]
    centers = [[_number(at.get("x")), _number(at.get("y"))] for at in positions]
    joints = _rows([person.joints for person in points], _N_JOINTS, 3)
    hidden = _rows([person.hidden for person in points], _N_JOINTS).astype(bool)
    return Annotations(
        skeleton=MPII_16,
        filename=tuple(_file_name(image, row) for row, image in enumerate(images, start=1)),
        image=rows,
        keypoints=joints,
        visible=(joints[..., 2] > 0) & ~hidden,
        center=_rows(centers, 2),
        scale=_rows([_positive(_number(person.get("scale"))) for person in people]),
        head_size=_rows([_head_size(person) for person in people]),
        area=np.full(len(people), np.nan, np.float32),
    )


def _file_name(image: _Struct, row: int) -> str:
    if name := _text(_first(image.get("image")).get("name")):
        return name
    raise ValueError(f"annolist({row}) has no image.name")


def _train(release: _Struct, n_images: int) -> Bool[np.ndarray, "image"]:
    train = _per_image(release, "img_train", n_images)
    return np.array([_number(part) == 1 for part in train] or [True] * n_images, bool)


def _activities(release: _Struct, n_images: int) -> tuple[str, ...]:
    activities = _per_image(release, "act", n_images)
    names = tuple(_text(_first(activity).get("act_name")) for activity in activities)
    return names or ("",) * n_images


def _per_image(release: _Struct, name: str, n_images: int) -> list[Any]:
    """Return what a table holds for each image; nothing where the file has no such table."""
    table = release.get(name)
    if table is None or _is_empty(table):
        return []
    entries = [table]
    if isinstance(table, list | np.ndarray) and n_images != 1:
        entries = list(table)
    if len(entries) != n_images:
        raise ValueError(f"{name} is about {len(entries)} images, annolist about {n_images}")
    return entries


def _points(person: _Struct) -> _Points:
    joints = np.tile(np.array([np.nan, np.nan, 0], np.float32), (_N_JOINTS, 1))
    hidden, stated = np.zeros(_N_JOINTS, bool), np.zeros(_N_JOINTS, bool)
    repeated = unusable = 0
    annotations = _structs(person.get("annopoints"))
    for point in (point for some in annotations for point in _structs(some.get("point"))):
        joint, x, y = (_number(point.get(name)) for name in ("id", "x", "y"))
        if joint not in range(_N_JOINTS) or not (math.isfinite(x) and math.isfinite(y)):
            unusable += 1
            continue
        if joints[int(joint), 2]:
            repeated += 1
            continue
        joints[int(joint)] = x, y, 1
        seen = _number(point.get("is_visible"))
        stated[int(joint)], hidden[int(joint)] = math.isfinite(seen), seen == 0
    return _Points(joints, hidden, stated, repeated, unusable)


def _head_size(person: _Struct) -> float:
    x1, y1, x2, y2 = (_number(person.get(corner)) for corner in ("x1", "y1", "x2", "y2"))
    return _positive(HEAD_SHARE * math.hypot(x2 - x1, y2 - y1))


def _rows(values: list[Any], *shape: int) -> Float[np.ndarray, "person *any"]:
    return np.array(values, np.float32).reshape(len(values), *shape)


def _structs(value: Any) -> list[_Struct]:
    """Return the structs of a struct or cell array; an empty cell is a struct without fields.

    Raises:
        ValueError: If it holds anything else.
    """
    elements = value if isinstance(value, list) else [] if _is_empty(value) else [value]
    structs = [{} if _is_empty(element) else element for element in elements]
    for struct in structs:
        if not isinstance(struct, dict):
            raise ValueError(f"expected structs, found {struct!s:.80}")  # noqa: TRY004 - of the file
    return structs


def _first(value: Any) -> _Struct:
    return next(iter(_structs(value)), {})


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, list | np.ndarray) and len(value) == 0)


def _number(value: Any) -> float:
    """Return a number, written as one or as text; NaN where there is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return _NAN


def _positive(value: float) -> float:
    return value if value > 0 else _NAN


def _text(value: Any) -> str:
    return "" if _is_empty(value) else str(value)
