"""Images, store and results on a real S3 server, with workers killed and the server gone."""

import json
import os
import threading
import time

import cv2
import numpy as np
import pytest
from killed_workers import killing
from prefect_dask import DaskTaskRunner
from s3_server import SECRET, Outage, s3_server

from flows.cluster.runner import local_cluster
from flows.extract import extract_keypoints
from pose_lib.datasets.sample import sample_images
from pose_lib.extract_config import ExtractConfig
from pose_lib.files.locations import files_under, location
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.store import read_keypoints

NAMES = ("astronaut.jpg", "broken.jpg", "coffee.jpg", "demo_kick.jpg", "demo_wave.jpg")
PHOTOS = "s3://bucket/photos"
CONFIG = ExtractConfig(
    openpose=OpenPoseConfig(input_height=176),
    images_per_shard=3,
    images_per_batch=1,
    max_failure_rate=1.0,
)


@pytest.fixture(scope="module")
def server(workspace):
    """An S3 server with some photographs, which can be cut off."""
    before = dict(os.environ)
    with s3_server() as server:
        outage = Outage(server.url)
        os.environ.update(server.environment | {"AWS_ENDPOINT_URL": outage.url})
        location(PHOTOS).fs.mkdir("bucket")
        for name in NAMES:
            (location(PHOTOS) / "day 1" / name).write_bytes((sample_images() / name).read_bytes())
        yield outage
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def cluster(api, server):
    with local_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def extract(cluster):
    runner = DaskTaskRunner(address=cluster.scheduler_address)
    return extract_keypoints.with_options(task_runner=runner)


@pytest.fixture(scope="module")
def undisturbed(extract, tmp_path_factory):
    """What comes of the same photographs in a local folder."""
    folder = tmp_path_factory.mktemp("local")
    (folder / "photos" / "day 1").mkdir(parents=True)
    for name in NAMES:
        (folder / "photos" / "day 1" / name).write_bytes((sample_images() / name).read_bytes())
    extract(str(folder / "photos"), folder / "k.zarr", CONFIG)
    return read_keypoints(folder / "k.zarr")


def test_the_whole_way_goes_from_bucket_to_bucket(extract, undisturbed, poselift):
    store, overlays = location("s3://bucket/k.zarr"), location("s3://bucket/overlays")
    extract(PHOTOS, store, CONFIG, overlays=overlays)
    _assert_same(read_keypoints(store), undisturbed)
    drawn = cv2.imdecode(np.frombuffer((overlays / "day 1/coffee.jpg").read_bytes(), np.uint8), 1)
    assert drawn.shape == cv2.imread(str(sample_images() / "coffee.jpg")).shape

    before = _batches(store)
    extract(PHOTOS, store, CONFIG, overlays=overlays)  # again
    assert _batches(store) == before
    told = json.loads(poselift("status", store, "--json").out)
    assert (told["images"], told["ok"], told["unreadable"]) == (5, 3, 1)
    assert poselift("export", store, "--to", "openpose", "--out", "s3://bucket/json").status == 0
    assert len(files_under(location("s3://bucket/json"))) == len(NAMES)
    lifted = poselift("lift", store, "--out", "s3://bucket/3d", "--people", 1)
    assert lifted.status == 0, lifted.err
    assert {"poses/poses3d.npz", "poses/viewer.html", "poses/overview.png"} <= {
        *files_under(location("s3://bucket/3d"))
    }


@pytest.mark.parametrize(
    "doing", [pytest.param("extract_image", marks=pytest.mark.every_fault), "write_batch"]
)
def test_a_worker_killed_at_any_step_loses_nothing(extract, cluster, undisturbed, doing):
    store = location(f"s3://bucket/killed-{doing}.zarr")
    with killing(cluster, doing) as victims:
        extract(PHOTOS, store, CONFIG)
    assert victims, f"no worker was caught in {doing}"
    _assert_same(read_keypoints(store), undisturbed)


def test_a_server_that_is_away_for_a_while_is_waited_for(extract, server, undisturbed):
    store = location("s3://bucket/outage.zarr")
    away = threading.Thread(target=_take_away, args=(server, store))
    away.start()
    extract(PHOTOS, store, CONFIG)
    away.join()
    _assert_same(read_keypoints(store), undisturbed)


@pytest.mark.parametrize(
    ("url", "changed", "told"),
    [
        ("s3://no-such-bucket/k.zarr", {}, "there is no bucket s3://no-such-bucket"),
        ("s3://bucket/k.zarr", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect"),
        ("s3://bucket/nothing.zarr", {}, "there is no keypoint store at s3://bucket/nothing.zarr"),
    ],
)
def test_what_cannot_be_reached_is_one_clear_line(
    server, poselift, monkeypatch, url, changed, told
):
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    location(url).fs.clear_instance_cache()
    ended = poselift("status", url)
    location(url).fs.clear_instance_cache()
    assert ended.status == 2
    assert told in ended.err
    assert ended.err.count("\n") == 1
    assert SECRET not in ended.err


def test_wrong_keys_are_one_clear_line_that_does_not_tell_them(server, poselift, monkeypatch):
    with s3_server(INITIAL_NO_AUTH_ACTION_COUNT="0") as strict:
        monkeypatch.setenv("AWS_ENDPOINT_URL", strict.url)
        location(PHOTOS).fs.clear_instance_cache()
        ended = poselift("extract", PHOTOS, "--store", "s3://bucket/k.zarr")
        location(PHOTOS).fs.clear_instance_cache()
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert "check the address, and the keys" in ended.err
    assert SECRET not in ended.err


def _take_away(server, store):
    """Cut the server off for six seconds as soon as the first batch of a store is begun."""
    while not any(name.startswith("shards/") for name in files_under(store)):
        time.sleep(0.05)
    server.begin()
    time.sleep(6)
    server.end()


def _batches(store):
    return {name for name in files_under(store) if name.startswith("shards/")}


def _assert_same(one, other):
    assert one.filename == other.filename
    assert one.reason == other.reason
    for name in ("status", "size", "keypoints", "image", "score"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
