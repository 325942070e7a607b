"""Stores of made-up people: of what a run would have found, and one with pictures and truth."""

import json
from pathlib import Path

import cv2
import numpy as np
from made_up_people import some_keypoints

from pose_lib.extract.image_result import ImageResult, join_results
from pose_lib.formats.coco_json import coco_results
from pose_lib.keypoints import ImageStatus, People
from pose_lib.skeleton import COCO_18
from pose_lib.store import (
    Provenance,
    finished,
    open_store,
    publish,
    read_keypoints,
    write_shard,
)

NAMES = ("a.jpg", "b.jpg")
PROVENANCE = Provenance(COCO_18.name, "51f84ea8", {"height": 368, "scales": (1, 2)})


def extract(store, names, *, shard_length=3, **publishing):
    """Do what a run does, in this process: compute what is missing, and publish."""
    open_store(store, PROVENANCE)
    digests = digests_of(names)
    missing = [name for name in names if digests[name] not in known(store)]
    for start in range(0, len(missing), shard_length):
        write(store, missing[start : start + shard_length])
    publish(store, names, digests, **publishing)
    return read_keypoints(store)


def write(store, names, seed=0, suffix="", *, failed=False):
    """Write a batch of people made up from names and seed, or of failures."""
    people = failures(names) if failed else some_keypoints(names, seed)
    digests = list(digests_of(names, suffix).values())
    return write_shard(store, people, digests, np.ones(len(names), np.float32))


def failures(names):
    nobody = People(np.empty((0, len(COCO_18), 3), np.float32), np.empty(0, np.float32))
    failed = ImageResult(ImageStatus.FAILED, nobody, (0, 0), "out of memory", 0.1)
    return join_results(names, [failed] * len(names), COCO_18)


def known(store):
    return {digest.decode() for digest in finished(store).digest}


def digests_of(names, suffix=""):
    return {name: f"digest of {name}{suffix}" for name in names}


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
