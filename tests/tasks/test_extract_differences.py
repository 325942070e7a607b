"""Running again extracts just the difference, and the store equals one made from scratch."""

import os
import random
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

import tasks.extract
from pose_lib.errors import InputError
from pose_lib.extract_config import ExtractConfig
from pose_lib.images.source import ImageSource
from pose_lib.keypoints import ImageStatus, People
from pose_lib.skeleton import COCO_18
from pose_lib.store import read_keypoints, read_ledger
from tasks.extract import extract_shard, plan_missing_shards, publish_store, scan_images
from tasks.runtime.payload import CompressedShard

CONFIG = ExtractConfig(images_per_shard=3, images_per_batch=2)
N_RUNS = 12


class CountingDetector:
    """Finds one person in each picture, of the picture's own, and keeps in mind what it saw."""

    skeleton = COCO_18
    min_side = 4

    def __init__(self):
        self.seen = []

    def detect(self, image):
        self.seen.append(int(image.mean()))
        return People(np.full((1, 18, 3), image.mean(), np.float32), np.ones(1, np.float32))


@pytest.fixture
def detector(monkeypatch, workspace):
    detector = CountingDetector()
    monkeypatch.setattr(tasks.extract, "_detector", lambda config: detector)
    return detector


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def test_running_again_extracts_just_the_difference(detector, photos, tmp_path):
    """Add, change, rename and remove pictures at random, and compare with a run from scratch."""
    rng = random.Random(0)
    for number in range(N_RUNS):
        before = grays(photos)
        edit(photos, rng)
        detector.seen.clear()
        extract(photos, tmp_path / "store.zarr")
        assert sorted(detector.seen) == sorted(grays(photos) - before)
        extract(photos, tmp_path / f"{number}.zarr")
        one, other = (read_keypoints(tmp_path / f"{name}.zarr") for name in ("store", number))
        assert (one.filename, one.reason) == (other.filename, other.reason)
        for column in ("size", "status", "keypoints", "image", "score"):
            np.testing.assert_array_equal(getattr(one, column), getattr(other, column))
        assert digests_in(tmp_path / "store.zarr") == digests_in(tmp_path / f"{number}.zarr")


def test_a_picture_that_changes_or_goes_after_the_survey_is_failed_and_not_mistaken(
    detector, photos, tmp_path
):
    for number in range(4):
        paint(photos / f"{number}.png", 10 + number)
    store = tmp_path / "store.zarr"
    inventory = scan_images.fn(str(photos), CONFIG, store)
    shards = plan_missing_shards.fn(inventory, store, CONFIG, 1, overwrite=False)
    paint(photos / "1.png", 200)
    (photos / "2.png").unlink()
    work(shards, inventory, store)
    published = read_keypoints(store)
    good, bad = ImageStatus.OK, ImageStatus.FAILED
    assert published.status.tolist() == [good, bad, bad, good]
    assert all("changed or deleted" in published.reason[row] for row in (1, 2))
    assert 200 not in published.keypoints

    (photos / "2.png").write_bytes((photos / "0.png").read_bytes())
    detector.seen.clear()
    extract(photos, store)
    assert detector.seen == [200]
    assert set(read_keypoints(store).status.tolist()) == {good}


def test_the_size_of_a_reduced_picture_is_that_of_the_bytes_it_was_decoded_from(
    detector, photos, tmp_path, monkeypatch
):
    photo = photos / "a.jpg"
    cv2.imwrite(str(photo), np.full((64, 96, 3), 100, np.uint8))

    def detect(image):
        cv2.imwrite(str(photo), np.full((32, 16, 3), 7, np.uint8))  # replaced at once
        assert image.shape == (8, 12, 3)
        return People(np.full((1, 18, 3), 5.5, np.float32), np.ones(1, np.float32))

    monkeypatch.setattr(detector, "detect", detect)
    extract(photos, tmp_path / "store.zarr")
    published = read_keypoints(tmp_path / "store.zarr")
    assert published.size.tolist() == [[96, 64]]
    assert published.keypoints[0, 0, 0] == 6 * 8 - 0.5


def test_how_often_an_image_was_tried_is_counted_over_all_runs(photos, tmp_path, detector):
    paint(photos / "a.png", 100)
    paint(photos / "b.png", 50)
    small = replace(CONFIG, max_pixels=10)
    for run in range(1, 4):
        extract(photos, tmp_path / "store.zarr", small)
        ledger = read_ledger(tmp_path / "store.zarr")
        assert ledger.attempts.tolist() == [run, run]
        assert set(ledger.status.tolist()) == {ImageStatus.FAILED}
    extract(photos, tmp_path / "store.zarr")
    assert read_ledger(tmp_path / "store.zarr").attempts.tolist() == [4, 4]
    assert sorted(detector.seen) == [50, 100]


def test_a_worker_of_another_version_refuses_the_work(photos, tmp_path, detector, monkeypatch):
    paint(photos / "a.png", 100)
    store = tmp_path / "store.zarr"
    inventory = scan_images.fn(str(photos), CONFIG, store)
    (shard,) = plan_missing_shards.fn(inventory, store, CONFIG, 1, overwrite=False)
    monkeypatch.setattr(tasks.extract, "version", lambda _: "9.9")
    with pytest.raises(InputError, match=r"has poselift 9\.9, but the run was started with"):
        extract_shard.fn(CompressedShard(shard), inventory.source, store, CONFIG)


def test_nothing_is_read_of_files_that_did_not_change(photos, tmp_path, detector, monkeypatch):
    paint(photos / "a.png", 100)
    os.utime(photos / "a.png", (1, 1))
    store = tmp_path / "store.zarr"
    time.sleep(2.1)  # until when a file system might not tell a change
    extract(photos, store)

    def read(*_):
        pytest.fail("a file was read")

    monkeypatch.setattr(ImageSource, "digest", read)
    extract(photos, store)
    assert read_ledger(store).n_images == 1


def extract(photos, store, config=CONFIG):
    """Do what a run does, in this process."""
    inventory = scan_images.fn(str(photos), config, store)
    shards = plan_missing_shards.fn(inventory, store, config, 2, overwrite=False)
    work(shards, inventory, store, config)


def work(shards, inventory, store, config=CONFIG):
    for shard in shards:
        extract_shard.fn(CompressedShard(shard), inventory.source, store, config)
    publish_store.fn(store, inventory)


def digests_in(store):
    return read_ledger(store).digest


def edit(photos, rng):
    names = sorted(path.name for path in photos.iterdir())
    for _ in range(rng.randint(1, 5)):
        paint(photos / f"{rng.randrange(12):02}.png", rng.randrange(1, 250))  # new, or changed
    for name in rng.sample(names, min(len(names), 2)):
        if rng.random() < 0.5:
            (photos / name).unlink(missing_ok=True)
        elif (photos / name).exists():
            (photos / name).rename(photos / f"renamed {name}")


def paint(path, gray):
    cv2.imwrite(str(path), np.full((8, 8, 3), gray, np.uint8))


def grays(photos):
    return {int(cv2.imread(str(path)).mean()) for path in photos.iterdir()}
