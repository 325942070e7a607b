"""Extraction through real Prefect and real Dask: what is computed, kept, and shown."""

import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import psutil
import pytest
from killed_workers import killing
from left_over import left_over, running
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)
from prefect_dask import DaskTaskRunner

from flows.cluster.runner import local_cluster
from flows.extract import extract_keypoints
from pose_lib.datasets.sample import sample_images
from pose_lib.errors import InputError
from pose_lib.extract_config import ExtractConfig
from pose_lib.images.source import ImageSource
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.store import read_keypoints, read_ledger
from tasks.extract import ImageInventory, plan_missing_shards

QUICK = ExtractConfig(
    openpose=OpenPoseConfig(input_height=176), images_per_shard=2, max_failure_rate=0.5
)
STATUS = {
    "astronaut.jpg": "ok",
    "broken.jpg": "unreadable",
    "coffee.jpg": "no person",
    "demo_kick.jpg": "ok",
}


@pytest.fixture(scope="module")
def cluster(api):
    """The cluster that the flow would start for itself, kept for all tests."""
    with local_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def extract(cluster):
    runner = DaskTaskRunner(address=cluster.scheduler_address)
    return extract_keypoints.with_options(task_runner=runner)


@dataclass(frozen=True)
class Extracted:
    """Pictures, the store of what was found in them, and the page of the flow run."""

    folder: Path
    page: str

    @property
    def pictures(self):
        return self.folder / "pictures"

    @property
    def store(self):
        return self.folder / "keypoints.zarr"


@pytest.fixture(scope="module")
def once(extract, tmp_path_factory):
    """An extraction that all tests look at and none changes."""
    folder = tmp_path_factory.mktemp("once")
    (folder / "pictures").mkdir()
    for name in STATUS:
        shutil.copy(sample_images() / name, folder / "pictures")
    state = extract(
        str(folder / "pictures"),
        folder / "keypoints.zarr",
        QUICK,
        overlays=folder / "overlays",
        return_state=True,
    )
    return Extracted(folder, _artifact(state.state_details.flow_run_id, "ledger"))


@pytest.fixture
def done(once, tmp_path):
    """A copy of that extraction, to go on from."""
    return Extracted(shutil.copytree(once.folder, tmp_path, dirs_exist_ok=True), once.page)


def test_every_image_has_a_row_and_the_readable_ones_an_overlay(once):
    assert _status(read_keypoints(once.store)) == STATUS
    drawn = {path.name: cv2.imread(str(path)) for path in (once.folder / "overlays").glob("*.jpg")}
    assert drawn.keys() == STATUS.keys() - {"broken.jpg"}
    photograph = cv2.imread(str(once.pictures / "demo_kick.jpg"))
    assert drawn["demo_kick.jpg"].shape == photograph.shape
    assert (drawn["demo_kick.jpg"] != photograph).any()


def test_the_counts_stand_on_the_page_of_the_flow_run(once):
    for line in ("| ok | 2 |", "| no person | 1 |", "`broken.jpg`", "2 people in 4 images"):
        assert line in once.page


def test_overlays_never_replace_the_images(extract, pictures, tmp_path):
    before = (pictures / "demo_kick.jpg").read_bytes()
    with pytest.raises(InputError, match="would replace the images"):
        extract(str(pictures), tmp_path / "keypoints.zarr", QUICK, overlays=pictures)
    assert (pictures / "demo_kick.jpg").read_bytes() == before


def test_the_results_of_other_images_are_not_replaced_unasked(extract, done):
    other = done.folder / "other"
    other.mkdir()
    shutil.copy(sample_images() / "demo_wave.jpg", other / "wave.jpg")
    with pytest.raises(InputError, match="people of other images"):
        extract(str(other), done.store, QUICK)
    assert read_keypoints(done.store).n_images == 4
    assert extract(str(other), done.store, QUICK, overwrite=True).images == 1


def test_only_new_and_changed_content_is_computed(extract, done):
    pictures, store = done.pictures, done.store
    first, before = _seconds(store), read_keypoints(store)
    extract(str(pictures), store, QUICK)
    assert _seconds(store) == first  # nothing was computed

    shutil.copy(sample_images() / "demo_wave.jpg", pictures / "coffee.jpg")  # changed
    shutil.copy(sample_images() / "demo_run.jpg", pictures / "new.jpg")
    shutil.copy(pictures / "astronaut.jpg", pictures / "same content.jpg")
    (pictures / "broken.jpg").unlink()
    ledger = extract(str(pictures), store, QUICK)
    now, after = _seconds(store), read_keypoints(store)
    assert {name for name in now if now[name] not in first.values()} == {"coffee.jpg", "new.jpg"}
    assert ledger.images == 5
    assert "broken.jpg" not in after.filename
    assert _status(after)["coffee.jpg"] == "ok"
    _assert_same_people(before, "demo_kick.jpg", after, "demo_kick.jpg")
    _assert_same_people(before, "astronaut.jpg", after, "same content.jpg")


def test_a_worker_killed_in_the_middle_of_a_shard_changes_nothing(
    extract, cluster, pictures, tmp_path
):
    slow = ExtractConfig(images_per_shard=2, max_failure_rate=0.5)  # slow enough to be caught at it
    undisturbed = extract(str(pictures), tmp_path / "undisturbed.zarr", slow)
    with killing(cluster, "extract_image") as victims:
        ledger = extract(str(pictures), tmp_path / "disturbed.zarr", slow)
    assert victims, "no worker was caught looking at an image"
    assert not psutil.pid_exists(victims[0])
    assert ledger == undisturbed
    one, other = (read_keypoints(tmp_path / f"{name}disturbed.zarr") for name in ("un", ""))
    for name in one.filename:
        _assert_same_people(one, name, other, name)


def test_ctrl_c_while_workers_compute_leaves_no_process(place):
    run = place.poselift("extract --store out.zarr", sample_images())
    while len([process for process in running(place.environment) if _is_dask_worker(process)]) < 2:
        assert run.process.poll() is None, run.printed
        time.sleep(0.05)
    os.killpg(run.process.pid, signal.SIGINT)  # what a terminal does
    assert run.end(seconds=60) == 130
    assert left_over(place.environment) == []


def test_a_million_images_are_at_most_a_hundred_tasks(tmp_path):
    store = tmp_path / "keypoints.zarr"
    names = tuple(f"{index:07}.jpg" for index in range(1_000_000))
    survey = ImageInventory(ImageSource(store.parent, names), dict(zip(names, names, strict=True)))
    shards = plan_missing_shards.fn(survey, store, ExtractConfig(), 2, overwrite=False)
    assert len(shards) <= 100
    assert sum(len(shard.names) for shard in shards) == len(names)


def _is_dask_worker(process):
    return any("spawn_main" in word for word in process.info["cmdline"] or [])


def _status(keypoints):
    labels = keypoints.counts()
    by_number = dict(enumerate(labels, start=1))
    return {
        name: by_number[int(number)]
        for name, number in zip(keypoints.filename, keypoints.status, strict=True)
    }


def _seconds(store):
    """Return how long each image took, which no second computation would match."""
    ledger = read_ledger(store)
    return dict(zip(ledger.filename, ledger.seconds.tolist(), strict=True))


def _assert_same_people(one, name, other, other_name):
    here = one.people(one.filename.index(name)).keypoints
    there = other.people(other.filename.index(other_name)).keypoints
    assert here.tobytes() == there.tobytes()


def _artifact(flow_run_id, key):
    with get_client(sync_client=True) as client:
        (artifact,) = client.read_artifacts(
            artifact_filter=ArtifactFilter(
                flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]),
                key=ArtifactFilterKey(any_=[key]),
            )
        )
    return artifact.data
