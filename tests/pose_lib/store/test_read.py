"""A store before, during and after a run, and the settings it keeps."""

import numpy as np
import pytest

from pose_lib.errors import InputError
from pose_lib.extract.image_result import ImageResult, join_results
from pose_lib.extract_config import ExtractConfig
from pose_lib.keypoints import ImageStatus, People
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.person_selection import PersonSelection
from pose_lib.recorded_config import read_settings, record_selection, record_settings
from pose_lib.skeleton import COCO_18
from pose_lib.store import Provenance, open_store, publish, write_shard
from pose_lib.store.lock import lock_store
from pose_lib.store.read import store_status

DIGESTS = {"a.jpg": "a" * 32, "b.jpg": "b" * 32}


@pytest.fixture
def store(tmp_path):
    """A store in which one of two images is done."""
    path = tmp_path / "s.zarr"
    nobody = People(np.empty((0, 18, 3), np.float32), np.empty(0, np.float32))
    result = ImageResult(ImageStatus.NO_PERSON, nobody, (60, 40), "no person found", 0.1)
    open_store(path, Provenance("COCO_18", "weights"))
    keypoints = join_results(["a.jpg"], [result], COCO_18)
    write_shard(path, keypoints, [DIGESTS["a.jpg"]], np.zeros(1, np.float32))
    return path


def hold(path):
    return lock_store(path, "flow run amber-fox", wait=0.0, tell=lambda *_: None)


def test_before_it_is_published_a_store_tells_what_is_done_and_who_is_at_it(store):
    with hold(store) as lease:
        lease.progress(1, 2)
        lease.confirm()
        found = store_status(store)
    assert found.ledger is None
    assert found.done["no person"] == 1
    assert str(found.holder).startswith("flow run amber-fox (process ")
    assert (found.holder.done, found.holder.total) == (1, 2)


def test_a_run_that_is_about_to_make_its_store_is_seen(tmp_path):
    with hold(tmp_path / "new.zarr"):
        assert store_status(tmp_path / "new.zarr").holder is not None
    with pytest.raises(InputError, match="no keypoint store"):
        store_status(tmp_path / "new.zarr")


def test_what_is_published_stays_to_be_seen_while_a_run_adds_to_it(store):
    publish(store, list(DIGESTS), DIGESTS)
    assert store_status(store).done is None
    with hold(store):
        found = store_status(store)
    assert found.ledger.counts()["failed"] == 1
    assert sum(found.done.values()) == 1


def test_settings_come_back_as_they_were(store):
    assert read_settings(store) is None
    config = ExtractConfig(openpose=OpenPoseConfig(input_height=176), images_per_shard=3)
    record_settings(store, config)
    assert read_settings(store) == config
    record_selection(store, PersonSelection("largest"))
    assert read_settings(store).selection == PersonSelection("largest")
    assert read_settings(store).images_per_shard == 3
