"""The least that parts of an extraction can take: each alone, in one process and one thread."""

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from pose_lib.extract.image_result import join_results, people_result
from pose_lib.files.content_hash import content_digest
from pose_lib.keypoints import People
from pose_lib.skeleton import COCO_18
from pose_lib.store import Provenance, open_store, publish, write_shard

_MOST = 25_000
"""So many images say what one takes."""


def floors(images: Path, store: Path) -> dict[str, float]:
    """Measure the parts on some images of a folder: milliseconds for each image, by label."""
    files = sorted(images.rglob("*.bmp"))[:_MOST]
    return {
        "floor: reading, ms an image": _each_ms(files, Path.read_bytes),
        "floor: reading and hashing, ms an image": _each_ms(
            files, lambda file: content_digest(file.read_bytes())
        ),
        "floor: reading and decoding, ms an image": _each_ms(
            files, lambda file: cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR)
        ),
        "floor: writing and publishing the store, ms an image": _store_ms(len(files), store),
    }


def _each_ms(files: list[Path], work: Callable[[Path], object]) -> float:
    begin = time.perf_counter()
    for file in files:
        work(file)
    return 1000 * (time.perf_counter() - begin) / len(files)


def _store_ms(count: int, store: Path) -> float:
    person = People(np.ones((1, len(COCO_18), 3), np.float32), np.ones(1, np.float32))
    names = [f"{number:08}.bmp" for number in range(count)]
    digests = {name: content_digest(name.encode()) for name in names}
    results = [people_result(person, (8, 8), 0.0) for _ in names]
    begin = time.perf_counter()
    open_store(store, Provenance(COCO_18.name, ""))
    keypoints = join_results(names, results, COCO_18)
    write_shard(store, keypoints, list(digests.values()), np.zeros(count, np.float32))
    publish(store, names, digests)
    return 1000 * (time.perf_counter() - begin) / count
