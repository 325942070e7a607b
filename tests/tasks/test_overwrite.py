"""What an extraction deletes, and when it does not."""

import pytest

from pose_lib.errors import InputError
from pose_lib.extract_config import ExtractConfig
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.store import read_keypoints
from pose_lib.store.batches import batch_names
from tasks.extract import extract_shard, plan_missing_shards, scan_images
from tasks.runtime.payload import CompressedShard


def test_a_store_is_not_overwritten_by_an_extraction_that_cannot_begin(
    workspace, annotated_store, tmp_path
):
    before = read_keypoints(annotated_store).n_people
    config = ExtractConfig(openpose=OpenPoseConfig(model="body_25"))
    inventory = scan_images.fn(str(tmp_path / "images"), config)
    with pytest.raises(InputError, match="weights of body_25"):
        plan_missing_shards.fn(inventory, annotated_store, config, 1, overwrite=True)
    assert read_keypoints(annotated_store).n_people == before


def test_overwriting_that_was_interrupted_goes_on_where_it_was(
    workspace, annotated_store, tmp_path
):
    before = batch_names(annotated_store)
    config = ExtractConfig(openpose=OpenPoseConfig(input_height=176))
    inventory = scan_images.fn(str(tmp_path / "images"), config)

    def plan():
        return plan_missing_shards.fn(inventory, annotated_store, config, 1, overwrite=True)

    (shard,) = plan()
    assert not set(before) & set(batch_names(annotated_store))
    extract_shard.fn(CompressedShard(shard), inventory.source, annotated_store, config)
    assert plan() == []
