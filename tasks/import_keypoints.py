"""Keypoints made elsewhere, brought into a store of our own, as a Prefect task."""

from hashlib import blake2b
from pathlib import Path

import numpy as np
from prefect import task

from pose_lib.errors import InputError
from pose_lib.files.locations import Location
from pose_lib.formats.openpose_json import read_openpose
from pose_lib.store import (
    Provenance,
    delete_store,
    is_store,
    open_store,
    publish,
    read_provenance,
    write_shard,
)
from tasks.runtime.retries import RETRY_OPTIONS

_IMPORTED = "imported"
"""Stands for the hash of the weights in a store whose people were found elsewhere."""


@task(name="import-openpose", **RETRY_OPTIONS)
def import_openpose(source: Path, store: Location) -> Location:
    """Write the people of OpenPose JSON, a file or a folder, into a store.

    An earlier import in it is replaced.
    """
    keypoints = read_openpose(source)
    _refuse_to_delete_extracted_people(store)
    digests = [blake2b(name.encode(), digest_size=16).hexdigest() for name in keypoints.filename]
    delete_store(store)
    open_store(store, Provenance(keypoints.skeleton.name, _IMPORTED, {"format": "openpose"}))
    write_shard(store, keypoints, digests, np.zeros(keypoints.n_images, np.float32))
    publish(store, keypoints.filename, dict(zip(keypoints.filename, digests, strict=True)))
    return store


def _refuse_to_delete_extracted_people(store: Location) -> None:
    if is_store(store) and read_provenance(store).weights != _IMPORTED:
        raise InputError(
            f"{store} holds people found in images; name another folder for the result"
        )
