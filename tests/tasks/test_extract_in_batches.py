"""Shards through a detector that takes many images at once, as on a GPU."""

import shutil

import numpy as np
import pytest
import torch

import tasks.extract
from pose_lib.datasets.sample import sample_images
from pose_lib.extract_config import ExtractConfig
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.gpu.detector import BatchConfig, BatchDetector
from pose_lib.openpose.gpu.network import CpuNetwork
from pose_lib.openpose.models import MOBILENET_THIN
from pose_lib.openpose.weights.weight_files import bundled_weights, load_network
from pose_lib.store import read_keypoints
from tasks.extract import extract_shard, plan_missing_shards, publish_store, scan_images
from tasks.runtime.payload import CompressedShard

CONFIG = ExtractConfig(openpose=OpenPoseConfig(engine="torch", input_height=176))


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("astronaut.jpg", "broken.jpg", "coffee.jpg", "demo_hips.jpg", "demo_kick.jpg"):
        shutil.copy(sample_images() / name, folder)
    return folder


def keypoints_of(pictures, store):
    inventory = scan_images.fn(str(pictures), CONFIG)
    for shard in plan_missing_shards.fn(inventory, store, CONFIG, 1, overwrite=False):
        extract_shard.fn(CompressedShard(shard), inventory.source, store, CONFIG)
    publish_store.fn(store, inventory)
    return read_keypoints(store)


def test_a_store_is_the_same_whether_images_come_alone_or_in_batches(
    workspace, pictures, tmp_path, monkeypatch
):
    torch.set_num_threads(1)
    alone = keypoints_of(pictures, tmp_path / "alone.zarr")
    network = CpuNetwork(load_network(MOBILENET_THIN, bundled_weights()), precision="float32")
    detector = BatchDetector(CONFIG.openpose, MOBILENET_THIN, network, BatchConfig(readers=1))
    monkeypatch.setattr(tasks.extract, "_detector", lambda config: detector)
    together = keypoints_of(pictures, tmp_path / "together.zarr")
    detector.close()

    assert together.counts() == {"ok": 3, "no person": 1, "unreadable": 1, "failed": 0}
    assert (together.filename, together.reason) == (alone.filename, alone.reason)
    np.testing.assert_array_equal(together.status, alone.status)
    np.testing.assert_array_equal(together.size, alone.size)
    np.testing.assert_allclose(together.keypoints, alone.keypoints, atol=0.01)
