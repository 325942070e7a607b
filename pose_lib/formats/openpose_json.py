"""OpenPose's JSON: one file per image, written as version 1.3, read from any version.

Our files have one key more than OpenPose's, ``image``: what the ledger knows of the image, the
skeleton, and the people's scores. Readers of OpenPose files pass it over; with it, importing gives
back what was exported.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float

from pose_lib.errors import InputError
from pose_lib.files.atomic_write import write_all_inside
from pose_lib.files.local_copy import local_copy
from pose_lib.files.locations import Location, files_under
from pose_lib.files.parsing import read_json, validation_errors
from pose_lib.files.safe_names import fitting_name, refuse_escaping_names
from pose_lib.formats.float32_text import shortest_repr
from pose_lib.formats.missing_joints import mean_confidence, nan_where_missing, zero_where_missing
from pose_lib.images.find import holds_images
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.skeleton import BODY_25, COCO_17, COCO_18, MPI_15, Skeleton, skeleton_named

SUFFIX = "_keypoints.json"
MAX_FILE_BYTES = 1 << 24
"""A hundred people with face and hands take 0.4 MB."""

_WHAT = "file of OpenPose"
_EXPECTED = (
    "OpenPose's JSON, an object with `people`, each with a list of numbers in `pose_keypoints_2d`"
)

_BY_NUMBERS = {3 * len(skeleton): skeleton for skeleton in (BODY_25, COCO_18, MPI_15)}
_EMPTY_LISTS = tuple(
    f"{part}_keypoints_{dimension}"
    for dimension in ("2d", "3d")
    for part in ("face", "hand_left", "hand_right")
)


def write_openpose(
    keypoints: Keypoints,
    folder: Location,
    *,
    lifted: Float[np.ndarray, "person joint 4"] | None = None,
) -> Location:
    """Write a file for every image, in the folders that the images lie in; return the folder.

    `person_id` counts the people of an image from 0; it follows nobody from image to image. Files
    that an earlier export wrote there for images that are no more are deleted.

    Args:
        lifted: x, y, z and confidence of every person, for ``pose_keypoints_3d``.
    """
    refuse_escaping_names(keypoints.filename, folder)
    names = [fitting_name(name, ending=SUFFIX) for name in json_names(keypoints.filename)]
    documents = (_document(keypoints, row, lifted) for row in range(len(names)))
    contents = (json.dumps(document).encode() for document in documents)
    write_all_inside(folder, zip(names, contents, strict=True))
    for name in set(files_under(folder)) - set(names):
        if name.endswith(SUFFIX) and _is_ours(folder / name):
            (folder / name).unlink()
    return folder


def read_openpose(source: Path, *, skeleton: Skeleton | None = None) -> Keypoints:
    """Read a folder of OpenPose files to all depths, or one file.

    Files named ``*_keypoints.json`` are read, or all ``*.json`` where none is. The skeleton follows
    from the number of values: 75 BODY_25, 54 COCO_18, 45 MPI_15. BODY_25B has 75 too, in another
    order, and is recognized by where its joints lie; its first 17 joints, which are COCO_17, are
    kept. An image from files without ``image`` is named as its file, a person's score is the mean
    confidence of the joints found.

    Args:
        skeleton: The order of the joints, where it is known better.

    Raises:
        InputError: If there is no such file, or one is not OpenPose's.
    """
    paths = [source] if source.is_file() else _files_under(source)
    images = sorted((_read_file(path, source) for path in paths), key=lambda image: image.name)
    doubled = [name for name, count in Counter(image.name for image in images).items() if count > 1]
    if doubled:
        raise InputError(f"{source}: several files are about the image {doubled[0]}")
    refuse_escaping_names([image.name for image in images], source)
    people = [numbers for image in images for numbers in image.people]
    return _keypoints(images, skeleton or _recognize(images, people, source), source)


def holds_openpose(path: Path) -> bool:
    """Tell whether this is a JSON file, or a folder with files named as OpenPose names them.

    A folder of images with JSON somewhere below is one of images.
    """
    if path.suffix == ".json" or any(path.glob(f"*{SUFFIX}")):
        return True
    return any(path.rglob(f"*{SUFFIX}")) and not holds_images(path)


def json_names(names: Sequence[str]) -> list[str]:
    """Return the path of each image's JSON: ``<stem>_keypoints.json`` beside where the image is.

    Images that share a stem in one folder keep their suffix: ``a.jpg`` and ``a.png`` become
    ``a.jpg_keypoints.json`` and ``a.png_keypoints.json``. Stems that differ in case alone are
    shared too, for on some disks they are.
    """
    short = {name: PurePosixPath(name).with_suffix("").as_posix() for name in names}
    chosen = dict(short)
    while True:
        uses = Counter(stem.casefold() for stem in chosen.values())
        clashing = [n for n in names if uses[chosen[n].casefold()] > 1 and chosen[n] != n]
        if not clashing:
            return [chosen[name] + SUFFIX for name in names]
        chosen.update({name: name for name in clashing})


@dataclass(frozen=True)
class _ImageFile:
    """The content of one file, people as flat lists of numbers."""

    name: str
    people: tuple[tuple[float, ...], ...]
    facts: dict[str, Any]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"the filename of an image must be text, not {self.name!r}")
        if not isinstance(self.facts.get("skeleton", ""), str):
            raise TypeError("the name of a skeleton must be text")


def _document(
    keypoints: Keypoints, row: int, lifted: Float[np.ndarray, "person joint 4"] | None
) -> dict[str, Any]:
    first, last = np.searchsorted(keypoints.image, [row, row + 1])
    flat = _flat(zero_where_missing(keypoints.keypoints[first:last]))
    spatial: list[list[float]] = [[] for _ in flat]
    if lifted is not None:
        found = np.isfinite(lifted[first:last]).all(-1, keepdims=True)
        spatial = _flat(np.where(found, lifted[first:last], 0))
    nothing: dict[str, list[float]] = {name: [] for name in _EMPTY_LISTS}
    return {
        "version": 1.3,
        "people": [
            {
                "person_id": [number],
                "pose_keypoints_2d": numbers,
                **nothing,
                "pose_keypoints_3d": numbers_3d,
            }
            for number, (numbers, numbers_3d) in enumerate(zip(flat, spatial, strict=True))
        ],
        "image": {
            "filename": keypoints.filename[row],
            "size": keypoints.size[row].tolist(),
            "status": ImageStatus(keypoints.status[row]).label,
            "reason": keypoints.reason[row],
            "skeleton": keypoints.skeleton.name,
            "scores": shortest_repr(keypoints.score[first:last]),
        },
    }


def _flat(values: Float[np.ndarray, "person joint value"]) -> list[list[float]]:
    n_people, n_joints, n_values = values.shape
    numbers: list[list[float]] = shortest_repr(values.reshape(n_people, n_joints * n_values))
    return numbers


def _is_ours(path: Location) -> bool:
    try:
        with local_copy(path) as file:
            document = read_json(file, _WHAT, max_bytes=MAX_FILE_BYTES)
    except InputError:
        return False
    image = document.get("image") if isinstance(document, dict) else None
    return isinstance(image, dict) and {"filename", "scores"} <= set(image)


def _files_under(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"there is no folder of OpenPose JSON at {folder}")
    every = [path for path in sorted(folder.rglob("*.json")) if not path.name.startswith(".")]
    paths = [path for path in every if path.name.endswith(SUFFIX)] or every
    if not paths:
        raise InputError(f"no OpenPose JSON in {folder}: files are named *{SUFFIX}")
    return paths


def _read_file(path: Path, source: Path) -> _ImageFile:
    document = read_json(path, _WHAT, max_bytes=MAX_FILE_BYTES, remedy=f"expected {_EXPECTED}")
    own_name = path.name if path == source else path.relative_to(source).as_posix()
    own_name = own_name.removesuffix(SUFFIX).removesuffix(".json")
    with validation_errors(path, _EXPECTED):
        people = tuple(
            tuple(map(float, person.get("pose_keypoints_2d", person.get("pose_keypoints"))))
            for person in document["people"]
        )
        facts = document.get("image", {})
        return _ImageFile(facts.get("filename", own_name), people, facts)


def _recognize(
    images: Sequence[_ImageFile], people: Sequence[tuple[float, ...]], source: Path
) -> Skeleton:
    """Return the skeleton that the files name, or else the one that fits what is in them."""
    named = {image.facts["skeleton"] for image in images if "skeleton" in image.facts}
    counts = {len(numbers) for numbers in people} - {0}
    if len(named) == 1:
        try:
            return skeleton_named(str(named.pop()))
        except InputError as error:
            raise InputError(f"{source}: {error}") from error
    if len(named) > 1 or len(counts) > 1:
        found = sorted(named) or f"{sorted(counts)} values a person"
        raise InputError(f"{source}: the files do not agree on their skeleton: {found}")
    n_values = counts.pop() if counts else 3 * len(BODY_25)
    if n_values not in _BY_NUMBERS:
        known = ", ".join(f"{n} ({skeleton.name})" for n, skeleton in _BY_NUMBERS.items())
        raise InputError(f"{source}: {n_values} values a person are of no known model: {known}")
    found_by_number = _BY_NUMBERS[n_values]
    if found_by_number is BODY_25 and _is_body_25b(people):
        return COCO_17
    return found_by_number


def _is_body_25b(people: Sequence[tuple[float, ...]]) -> bool:
    """Tell whether people of 25 joints are in the order of BODY_25B rather than BODY_25.

    In BODY_25 joint 1 is the middle of 2 and 5 (neck and shoulders), and joint 8 that of 9 and 12
    (pelvis and hips), to 2 % of a person's size in the median; in BODY_25B they are an eye and an
    elbow, 9 % and 16 % off.

    Source: OpenPose's documentation of its output; measured on real output of both models.
    """
    xyc = np.array([numbers for numbers in people if numbers], np.float64).reshape(-1, 25, 3)
    xy = np.where(xyc[..., 2:] > 0, xyc[..., :2], np.nan)
    xy = xy[np.isfinite(xy).any((1, 2))]
    sizes = np.linalg.norm(np.nanmax(xy, 1) - np.nanmin(xy, 1), axis=-1)
    middles = (xy[:, [2, 9]] + xy[:, [5, 12]]) / 2
    offsets = np.linalg.norm(xy[:, [1, 8]] - middles, axis=-1) / np.maximum(sizes, 1e-6)[:, None]
    return bool(np.isfinite(offsets).any() and np.nanmedian(offsets) > 0.06)


def _keypoints(images: Sequence[_ImageFile], skeleton: Skeleton, source: Path) -> Keypoints:
    with validation_errors(source, "files that hold together"):
        people = [_person(numbers, skeleton) for image in images for numbers in image.people]
        xyc = nan_where_missing(np.array(people, np.float32).reshape(-1, len(skeleton), 3))
        scores = [score for image in images for score in image.facts.get("scores", ())]
        return Keypoints(
            skeleton=skeleton,
            filename=tuple(image.name for image in images),
            size=np.array([image.facts.get("size", (0, 0)) for image in images], np.int32),
            status=np.array([_status(image) for image in images], np.int64),
            reason=tuple(str(image.facts.get("reason", "")) for image in images),
            keypoints=xyc,
            image=np.repeat(np.arange(len(images)), [len(image.people) for image in images]),
            score=np.array(scores, np.float32) if scores else mean_confidence(xyc),
        )


def _person(numbers: tuple[float, ...], skeleton: Skeleton) -> tuple[float, ...]:
    """Return the values of the skeleton's joints; a person of whom nothing is written has zeros."""
    wanted = 3 * len(skeleton)
    if not numbers:
        return (0.0,) * wanted
    of_body_25b = skeleton is COCO_17 and len(numbers) == 3 * len(BODY_25)
    if len(numbers) != wanted and not of_body_25b:
        raise ValueError(f"{len(numbers)} values a person, but {skeleton.name} has {wanted}")
    return numbers[:wanted]


def _status(image: _ImageFile) -> ImageStatus:
    found = ImageStatus.OK if image.people else ImageStatus.NO_PERSON
    label = image.facts.get("status", found.label)
    for status in ImageStatus:
        if status.label == label:
            return status
    raise ValueError(f"unknown status {label!r} of {image.name}")
