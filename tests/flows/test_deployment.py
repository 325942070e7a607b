"""`prefect.yaml` as its users meet it: deployed to a real server and run by a process worker."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from left_over import left_over, marked
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
from prefect.states import StateType

from pose_lib.datasets.sample import sample_images, sample_poses
from pose_lib.store import read_keypoints

CHECKOUT = Path(__file__).parents[2]
QUICK = {"images_per_shard": 2, "openpose": {"input_height": 176}, "max_failure_rate": 0.5}
TINY = {"steps": 10, "batch": 16, "width": 16}


@pytest.fixture(scope="module")
def checkout(api, tmp_path_factory):
    """A copy of what is deployed, so that nothing is written into the real one."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copy(CHECKOUT / "prefect.yaml", folder)
    for package in ("flows", "tasks", "pose_lib"):
        shutil.copytree(CHECKOUT / package, folder / package)
    (folder / "photographs").mkdir()
    for name in ("astronaut.jpg", "demo_kick.jpg"):
        shutil.copy(sample_images() / name, folder / "photographs")
    _prefect(folder, "work-pool", "create", "poselift", "--type", "process")
    _prefect(folder, "--no-prompt", "deploy", "--all")
    return folder


@pytest.fixture(scope="module")
def worker(checkout):
    """A process worker, which must leave nothing behind when it is told to end."""
    mark = marked()
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "poselift"]
    log = (checkout / "worker.log").open("w")
    process = subprocess.Popen(
        command, cwd=checkout, env={**os.environ, **mark}, stdout=log, stderr=subprocess.STDOUT
    )
    yield process
    process.terminate()
    process.wait(timeout=60)
    log.close()
    assert left_over(mark) == []


def test_the_pipeline_is_scheduled_nightly(checkout):
    nightly = _deployment("pose-pipeline/nightly")
    (schedule,) = nightly.schedules
    assert schedule.active
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 2 * * *", "UTC")
    assert nightly.global_concurrency_limit.limit == 1  # two must not write to one store


def test_settings_are_a_form_with_names_types_and_defaults(checkout):
    form = _deployment("pose-pipeline/nightly").parameter_openapi_schema
    assert {"images", "out", "config", "overwrite"} == form["properties"].keys()
    assert form["properties"]["images"]["description"].startswith("Folder, glob")
    settings = form["definitions"]
    assert settings["OpenPoseConfig"]["properties"]["input_height"]["default"] == 368
    assert settings["GanConfig"]["properties"]["steps"]["type"] == "integer"
    assert settings["ExportFormat"]["enum"] == ["npy", "openpose", "coco", "csv"]


def test_both_deployments_run_by_a_worker_to_their_end(checkout, worker):
    lifting = _start("lift-images/on-demand", config=QUICK)
    nightly = _start(
        "pose-pipeline/nightly",
        config={
            "n_people": 1,
            "train_on": [str(sample_poses())],
            "extract": QUICK,
            "train": {"gan": TINY | {"n_generators": 1}, "distill": TINY},
        },
    )
    for run, results in ((lifting, "lifted"), (nightly, "results")):
        assert _finished(run).type is StateType.COMPLETED, (checkout / "worker.log").read_text()
        assert read_keypoints(checkout / results / "keypoints.zarr").n_images == 2
        assert (checkout / results / "poses" / "overview.png").is_file()


def _prefect(folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _deployment(name):
    with get_client(sync_client=True) as client:
        return client.read_deployment_by_name(name)


def _start(name, **parameters):
    return run_deployment(name, parameters=parameters, timeout=0, as_subflow=False).id


def _finished(run, *, wait=240):
    deadline = time.monotonic() + wait
    with get_client(sync_client=True) as client:
        while not (state := client.read_flow_run(run).state).is_final():
            assert time.monotonic() < deadline, f"still {state.name}"
            time.sleep(0.5)
    return state
