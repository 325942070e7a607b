"""Extraction through real Prefect and real Dask: what is computed, kept, and shown."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import cv2
import psutil
import pytest
import zarr
from distributed import Client
from left_over import left_over, marked, running
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
from pose_lib.store import read_keypoints
from tasks.extract import ImageInventory, plan_missing_shards
from tasks.runtime.workspace import HOME_VARIABLE

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


@pytest.fixture
def store(tmp_path):
    return tmp_path / "keypoints.zarr"


def test_every_image_has_a_row_and_the_readable_ones_an_overlay(extract, pictures, store, tmp_path):
    ledger = extract(str(pictures), store, QUICK, overlays=tmp_path / "overlays")
    keypoints = read_keypoints(store)
    assert _status(keypoints) == STATUS
    assert dict(ledger.reasons).keys() == {"broken.jpg"}
    assert (ledger.images, ledger.people) == (4, keypoints.n_people)
    drawn = {path.name: cv2.imread(str(path)) for path in (tmp_path / "overlays").glob("*.jpg")}
    assert drawn.keys() == STATUS.keys() - {"broken.jpg"}
    photograph = cv2.imread(str(pictures / "demo_kick.jpg"))
    assert drawn["demo_kick.jpg"].shape == photograph.shape
    assert (drawn["demo_kick.jpg"] != photograph).any()


def test_overlays_never_replace_the_images(extract, pictures, store):
    before = (pictures / "demo_kick.jpg").read_bytes()
    with pytest.raises(InputError, match="would replace the images"):
        extract(str(pictures), store, QUICK, overlays=pictures)
    assert (pictures / "demo_kick.jpg").read_bytes() == before


def test_the_results_of_other_images_are_not_replaced_unasked(extract, pictures, store, tmp_path):
    extract(str(pictures), store, QUICK)
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(sample_images() / "demo_wave.jpg", other / "wave.jpg")
    with pytest.raises(InputError, match="people of other images"):
        extract(str(other), store, QUICK)
    assert read_keypoints(store).n_images == 4
    assert extract(str(other), store, QUICK, overwrite=True).images == 1


def test_only_new_and_changed_content_is_computed(extract, pictures, store):
    extract(str(pictures), store, QUICK)
    first, before = _computed(store), read_keypoints(store)
    assert sum(first.values()) == 4

    extract(str(pictures), store, QUICK)
    assert _computed(store) == first  # nothing

    shutil.copy(sample_images() / "demo_wave.jpg", pictures / "coffee.jpg")  # changed
    shutil.copy(sample_images() / "demo_run.jpg", pictures / "new.jpg")
    shutil.copy(pictures / "astronaut.jpg", pictures / "same content.jpg")
    (pictures / "broken.jpg").unlink()
    ledger = extract(str(pictures), store, QUICK)
    added = _computed(store) - first
    assert sum(added.values()) == 2
    after = read_keypoints(store)
    assert ledger.images == 5
    assert "broken.jpg" not in after.filename
    assert _status(after)["coffee.jpg"] == "ok"
    _assert_same_people(before, "demo_kick.jpg", after, "demo_kick.jpg")
    _assert_same_people(before, "astronaut.jpg", after, "same content.jpg")


def test_the_counts_stand_on_the_page_of_the_flow_run(extract, pictures, store):
    state = extract(str(pictures), store, QUICK, return_state=True)
    page = _artifact(state.state_details.flow_run_id, "ledger")
    assert "| ok | 2 |" in page
    assert "| no person | 1 |" in page
    assert "`broken.jpg`" in page
    assert "2 people in 4 images" in page


def test_a_worker_killed_in_the_middle_of_a_shard_changes_nothing(
    extract, cluster, pictures, tmp_path
):
    slow = ExtractConfig(images_per_shard=2, max_failure_rate=0.5)  # slow enough to be caught at it
    undisturbed = extract(str(pictures), tmp_path / "undisturbed.zarr", slow)
    with _WorkerKiller(cluster) as killer:
        ledger = extract(str(pictures), tmp_path / "disturbed.zarr", slow)
    assert killer.victim is not None, "no worker was caught looking at an image"
    assert not psutil.pid_exists(killer.victim)
    assert ledger == undisturbed
    one, other = (read_keypoints(tmp_path / f"{name}disturbed.zarr") for name in ("un", ""))
    for name in one.filename:
        _assert_same_people(one, name, other, name)


def test_ctrl_c_while_workers_compute_leaves_no_process(workspace, store, tmp_path):
    mark = marked()
    environment = {**os.environ, **mark, HOME_VARIABLE: str(tmp_path / "home")}
    environment.pop("PREFECT_API_URL", None)  # a run with a server of its own
    run = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "extract", sample_images(), "--store", store],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while len([process for process in running(mark) if _is_dask_worker(process)]) < 2:
        assert run.poll() is None, run.stderr.read()
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)  # what a terminal does
    assert "Traceback" not in run.communicate(timeout=60)[1]
    assert run.returncode == 130
    assert left_over(mark) == []


def test_a_million_images_are_at_most_a_hundred_tasks(store):
    names = tuple(f"{index:07}.jpg" for index in range(1_000_000))
    survey = ImageInventory(ImageSource(store.parent, names), dict(zip(names, names, strict=True)))
    shards = plan_missing_shards.fn(survey, store, ExtractConfig(), 2, overwrite=False)
    assert len(shards) <= 100
    assert sum(len(shard.names) for shard in shards) == len(names)


class _WorkerKiller:
    """Kills the first worker that is seen looking at an image inside the block, with -9."""

    def __init__(self, cluster):
        self._pids = {worker.worker_address: worker.pid for worker in cluster.workers.values()}
        self._client = Client(cluster, set_as_default=False)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.victim = None

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self._client.close()

    def _watch(self):
        while self.victim is None and not self._over.wait(0.01):
            for address, stacks in self._client.call_stack(keys=None).items():
                if any("extract_image" in frame for stack in stacks.values() for frame in stack):
                    self.victim = self._pids[address]
                    os.kill(self.victim, signal.SIGKILL)
                    return


def _is_dask_worker(process):
    return any("spawn_main" in word for word in process.info["cmdline"] or [])


def _status(keypoints):
    labels = keypoints.counts()
    by_number = dict(enumerate(labels, start=1))
    return {
        name: by_number[int(number)]
        for name, number in zip(keypoints.filename, keypoints.status, strict=True)
    }


def _computed(store):
    """Return how many images each shard in the store is the result of."""
    shards = zarr.open_group(store, mode="r")["shards"]
    return Counter({name: shard["images/digest"].size for name, shard in shards.groups()})


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
