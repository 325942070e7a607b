"""A store of made-up people, its pictures, and annotations that agree with it."""

import json
from pathlib import Path

import cv2
import numpy as np

from pose_lib.extract.image_result import ImageResult, join_results
from pose_lib.formats.coco_json import coco_results
from pose_lib.keypoints import ImageStatus, People
from pose_lib.skeleton import COCO_18
from pose_lib.store import Provenance, open_store, publish, read_keypoints, write_shard

NAMES = ("a.jpg", "b.jpg")


def make_annotated_store(folder: Path) -> Path:
    """Write ``s.zarr``, one person in each of two ``images``, and COCO's ``truth.json``."""
    rng = np.random.default_rng(0)
    results = []
    (folder / "images").mkdir()
    for name in NAMES:
        xyc = rng.uniform(20, 180, (1, len(COCO_18), 3)).astype(np.float32)
        xyc[..., 2] = 0.9
        people = People(xyc, np.ones(1, np.float32))
        results.append(ImageResult(ImageStatus.OK, people, (200, 200), "", 0.1))
        cv2.imwrite(str(folder / "images" / name), np.full((200, 200, 3), 90, np.uint8))
    digests = {name: name.ljust(32, "0") for name in NAMES}
    store = folder / "s.zarr"
    open_store(store, Provenance(COCO_18.name, "weights", {"input_height": 368}))
    write_shard(
        store,
        join_results(NAMES, results, COCO_18),
        list(digests.values()),
        np.ones(len(NAMES), np.float32),
    )
    publish(store, NAMES, digests, root=folder / "images")
    found = coco_results(read_keypoints(store))
    images = [{"id": row, "file_name": f"val/{name}"} for row, name in enumerate(NAMES, start=1)]
    facts = {"area": 9000, "bbox": [0, 0, 200, 200], "iscrowd": 0}
    annotations = [{**entry, **facts, "id": row} for row, entry in enumerate(found, start=1)]
    truth = {"images": images, "annotations": annotations}
    (folder / "truth.json").write_text(json.dumps(truth))
    return store
