"""Keypoints as a COCO results file, the input of the official evaluation."""

import json
from pathlib import PurePosixPath
from typing import Any

from pose_lib.convert import convert_keypoints
from pose_lib.files.atomic_write import write_atomic
from pose_lib.files.locations import Location
from pose_lib.formats.float32_text import shortest_repr
from pose_lib.formats.missing_joints import zero_where_missing
from pose_lib.keypoints import Keypoints
from pose_lib.skeleton import COCO_17

RESULTS_FILE = "coco_results.json"
IMAGES_FILE = "coco_images.json"


def write_coco(keypoints: Keypoints, folder: Location) -> Location:
    """Write ``coco_results.json`` and, to look its ids up, ``coco_images.json``; return the first.

    Source: the format of results in COCO's documentation (cocodataset.org/#format-results).
    """
    ids = image_ids(keypoints.filename)
    images = [
        {"id": number, "file_name": name, "width": int(width), "height": int(height)}
        for number, name, (width, height) in zip(
            ids, keypoints.filename, keypoints.size, strict=True
        )
    ]
    write_atomic(folder / IMAGES_FILE, json.dumps(images, ensure_ascii=False).encode())
    write_atomic(folder / RESULTS_FILE, json.dumps(coco_results(keypoints)).encode())
    return folder / RESULTS_FILE


def coco_results(keypoints: Keypoints) -> list[dict[str, Any]]:
    """Return one entry per person, on COCO's 17 joints; 0 0 0 where a joint is missing."""
    ids = image_ids(keypoints.filename)
    xyc = convert_keypoints(keypoints.keypoints, keypoints.skeleton, COCO_17)
    people = zip(
        keypoints.image,
        shortest_repr(zero_where_missing(xyc).reshape(len(xyc), 3 * len(COCO_17))),
        shortest_repr(keypoints.score),
        strict=True,
    )
    return [
        {"image_id": ids[row], "category_id": 1, "keypoints": numbers, "score": score}
        for row, numbers, score in people
    ]


def image_ids(names: tuple[str, ...]) -> list[int]:
    """Return COCO's own ids where every file is named by its number, as 000000000785.jpg is.

    Otherwise, or if two files have the same number, images are counted from 1.
    """
    stems = [PurePosixPath(name).stem for name in names]
    if all(stem.isascii() and stem.isdigit() for stem in stems):
        numbers = [int(stem) for stem in stems]
        if len(set(numbers)) == len(numbers):
            return numbers
    return list(range(1, len(names) + 1))
