"""Keypoints made elsewhere, brought into a store of our own, as a Prefect task."""

from hashlib import blake2b
from pathlib import Path

import numpy as np
from prefect import task

from pose_lib.formats.keypoint_store import (
    Provenance,
    delete_store,
    open_store,
    publish,
    write_shard,
)
from pose_lib.formats.openpose_json import read_openpose
from tasks.patience import PATIENT


@task(name="import-openpose", **PATIENT)
def import_openpose(source: Path, store: Path) -> Path:
    """Write the people of OpenPose JSON, a file or a folder, into a store, replacing it."""
    keypoints = read_openpose(source)
    digests = [blake2b(name.encode(), digest_size=16).hexdigest() for name in keypoints.filename]
    delete_store(store)
    open_store(store, Provenance(keypoints.skeleton.name, "imported", {"format": "openpose"}))
    write_shard(store, keypoints, digests, np.zeros(keypoints.n_images, np.float32))
    publish(store, keypoints.filename, dict(zip(keypoints.filename, digests, strict=True)))
    return store
