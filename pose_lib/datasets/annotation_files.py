"""Annotated people that found ones are scored against: MPII's as .mat or JSON, COCO's as JSON."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pose_lib.annotations import Annotations
from pose_lib.datasets.mpii import mpii_order, read_mpii_annotations
from pose_lib.errors import InputError
from pose_lib.files.parsing import read_json, validation_errors
from pose_lib.formats.missing_joints import nan_where_missing
from pose_lib.skeleton import COCO_17, MPII_16, Skeleton

_KINDS = (
    "MPII's .mat or .npz, COCO keypoints JSON, or JSON with joint_names and the people of images"
)
_NAN = float("nan")
_UNKNOWN = (_NAN, _NAN, _NAN, _NAN)


def read_keypoint_truth(path: Path) -> Annotations:
    """Read annotated people, whichever of the known kinds of file it is.

    Raises:
        InputError: If the file cannot be read, is of no known kind, or a person in it is not valid.
    """
    if path.suffix.lower() in (".mat", ".npz"):
        return _looked_at(read_mpii_annotations(path))
    content = read_json(path, "file of annotations", remedy=f"expected {_KINDS}")
    read = _reader(content)
    if read is None:
        raise InputError(f"{path} holds no annotated people; expected {_KINDS}")
    with validation_errors(path, "valid annotations"):
        return read(content)


def _looked_at(truth: Annotations) -> Annotations:
    """Leave out images without any annotated joint, as all of MPII's test images are."""
    annotated = np.zeros(len(truth.filename), bool)
    annotated[truth.image[np.any(truth.keypoints[..., 2] > 0, axis=1)]] = True
    people = annotated[truth.image]
    return Annotations(
        skeleton=truth.skeleton,
        filename=tuple(itertools.compress(truth.filename, annotated)),
        image=(np.cumsum(annotated) - 1)[truth.image[people]],
        keypoints=truth.keypoints[people],
        visible=truth.visible[people],
        center=truth.center[people],
        scale=truth.scale[people],
        head_size=truth.head_size[people],
        area=truth.area[people],
    )


def _reader(content: Any) -> Callable[[Any], Annotations] | None:
    keys = set(content) if isinstance(content, dict) else set()
    if {"images", "annotations"} <= keys:
        return _read_coco
    if "joint_names" in keys and keys & {"images", "crops"}:
        return _read_mpii_people
    return None


@dataclass(frozen=True)
class _Person:
    """One annotated person before all are put into arrays; see ``Annotations``."""

    image: int
    keypoints: np.ndarray
    visible: np.ndarray
    center: tuple[float, ...] = _UNKNOWN[:2]
    scale: float = _NAN
    head_size: float = _NAN
    area: float = _NAN
    box: tuple[float, ...] = _UNKNOWN
    crowd: bool = False


def _read_mpii_people(content: Mapping[str, Any]) -> Annotations:
    """Read people by image name, or the one person of each crop.

    A joint at (0, 0) is not annotated; one elsewhere that is not ``visible`` is hidden. Of a crop
    no center, scale or head size is kept: those in the file are of the whole photograph.
    """
    order = mpii_order(content["joint_names"])
    if "crops" in content:
        listed = {
            name: [{key: person[key] for key in ("joints", "visible")}]
            for name, person in content["crops"].items()
        }
    else:
        listed = dict(content["images"])
    names = sorted(listed)
    people = [
        _mpii_person(image, person, order)
        for image, name in enumerate(names)
        for person in listed[name]
    ]
    return _annotations(MPII_16, names, people)


def _mpii_person(image: int, person: Mapping[str, Any], order: Sequence[int]) -> _Person:
    xy = _numbers(person["joints"], (len(MPII_16), 2), "joints")
    annotated = (xy != 0).any(axis=1) & np.isfinite(xy).all(axis=1)
    visible = annotated & (_numbers(person["visible"], (len(MPII_16),), "visible") > 0)
    return _Person(
        image=image,
        keypoints=np.concatenate([xy, annotated[:, None]], axis=1)[order],
        visible=visible[order],
        center=tuple(map(float, person.get("center", _UNKNOWN[:2]))),
        scale=float(person.get("scale", _NAN)),
        head_size=float(person.get("headsize", _NAN)),
    )


def _read_coco(content: Mapping[str, Any]) -> Annotations:
    """Read COCO's keypoint annotations, images in the order of their ids.

    Entries of another category than people have no ``keypoints`` and are passed over.

    Source: COCO's documentation (cocodataset.org/#format-data); v is 0 where a joint is not
    labeled, 1 where it is hidden, 2 where it is visible.
    """
    images = sorted(content["images"], key=lambda image: image["id"])
    row_of = {image["id"]: row for row, image in enumerate(images)}
    people = [
        _coco_person(row_of[entry["image_id"]], entry)
        for entry in content["annotations"]
        if "keypoints" in entry
    ]
    people.sort(key=lambda person: person.image)
    return _annotations(COCO_17, [image["file_name"] for image in images], people)


def _coco_person(image: int, entry: Mapping[str, Any]) -> _Person:
    keypoints = _numbers(entry["keypoints"], (3 * len(COCO_17),), "keypoints").reshape(-1, 3)
    return _Person(
        image=image,
        keypoints=keypoints,
        visible=keypoints[:, 2] > 1,
        area=float(entry.get("area", _NAN)),
        box=tuple(map(float, entry.get("bbox", _UNKNOWN))),
        crowd=bool(entry.get("iscrowd", 0)),
    )


def _annotations(skeleton: Skeleton, names: list[str], people: list[_Person]) -> Annotations:
    if not people:
        raise ValueError("nobody is annotated")
    if any(not isinstance(name, str) for name in names):
        raise ValueError("an image's name is no text")
    keypoints = nan_where_missing(np.array([person.keypoints for person in people]))
    keypoints[..., 2] = keypoints[..., 2] > 0
    return Annotations(
        skeleton=skeleton,
        filename=tuple(names),
        image=np.array([person.image for person in people], np.int64),
        keypoints=keypoints,
        visible=np.array([person.visible for person in people]),
        center=_column([person.center for person in people], 2),
        scale=_column([person.scale for person in people]),
        head_size=_column([person.head_size for person in people]),
        area=_column([person.area for person in people]),
        box=_column([person.box for person in people], 4),
        crowd=np.array([person.crowd for person in people]),
    )


def _column(values: list[Any], *axes: int) -> Float[np.ndarray, "..."]:
    """Return one value, or a row of them, per person."""
    return _numbers(values, (len(values), *axes), "center, scale, headsize, area or bbox")


def _numbers(values: Any, shape: tuple[int, ...], name: str) -> Float[np.ndarray, "..."]:
    array = np.array(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, found {array.shape}")
    return array
