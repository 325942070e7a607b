"""The whole pipeline as its users run it: interrupted by Ctrl-C, run again, and looked at."""

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import uuid
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pytest
from command_process import Started, command_place
from left_over import left_over
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from safetensors.numpy import load_file

from flows.demo import demo_config
from pose_lib.datasets.sample import sample_images, sample_poses
from pose_lib.formats.npy_pair import read_npy_pair
from pose_lib.formats.openpose_json import read_openpose
from pose_lib.lifting.training.config import DEMO
from pose_lib.skeleton import BODY_15
from pose_lib.store import read_keypoints
from pose_lib.training_data import read_training_poses
from tasks.runtime.workspace import HOME_VARIABLE

PICTURES = ("astronaut.jpg", "broken.jpg", "coffee.jpg", "demo_kick.jpg")
CONFIG = """
n_people = 2
exports = ["npy", "openpose", "coco", "csv"]
compare_with = "bundled"

[extract]
images_per_shard = 2
max_failure_rate = 0.25

[extract.openpose]
input_height = 176

[train.gan]
n_generators = 1
steps = 80
batch = 16
width = 16

[train.distill]
steps = 20
batch = 16
width = 16
"""
CHAMPION = "models:/pose-lifter@champion"

pytestmark = pytest.mark.usefixtures("api")  # which the commands after the run use


@dataclass(frozen=True)
class Run:
    """A run that was interrupted while it trained, and then run again."""

    folder: Path
    interrupted: Started
    left_by_interrupted: list[str]
    interrupted_run: str
    finished: Started
    left: list[str]

    @property
    def results(self):
        return self.folder / "out"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = command_place(tmp_path_factory.mktemp("pipeline"))
    (place.folder / "pictures").mkdir()
    for name in PICTURES:
        shutil.copy(sample_images() / name, place.folder / "pictures")
    (place.folder / "tiny.toml").write_text(CONFIG)

    interrupted = _start(place)
    interrupted.wait_for(r"training: \d+ of 100")
    os.killpg(interrupted.process.pid, signal.SIGINT)  # what a terminal does on Ctrl-C
    interrupted.end(seconds=60)
    left_by_interrupted = left_over(place.environment)
    (first_run,) = _runs(place.folder)

    finished = _start(place)
    finished.end()
    left = left_over(place.environment)
    return Run(
        place.folder, interrupted, left_by_interrupted, first_run.info.run_id, finished, left
    )


@pytest.fixture
def registry(run, monkeypatch):
    monkeypatch.setenv(HOME_VARIABLE, str(run.folder / "home"))
    mlflow.set_tracking_uri(_tracking(run.folder))
    return MlflowClient()


def test_ctrl_c_while_training_ends_with_130_and_leaves_no_process(run):
    assert run.interrupted.process.returncode == 130
    assert "interrupted; run the same command again" in run.interrupted.printed
    assert run.left_by_interrupted == []


def test_the_second_run_finishes_the_same_mlflow_run_and_leaves_no_process(run):
    assert run.finished.process.returncode == 0, run.finished.printed
    (only,) = _runs(run.folder)
    assert only.info.run_id == run.interrupted_run
    assert only.info.status == "FINISHED"
    assert run.left == []
    assert list((run.folder / "home" / "checkpoints").iterdir()) == []


def test_stdout_holds_one_json_object_and_stderr_no_warning(run):
    result = json.loads(run.finished.out)
    assert result["ledger"]["counts"]["unreadable"] == 1
    assert result["trained"]["model_uri"] == "models:/pose-lifter/1"
    assert "Warning" not in run.finished.printed


def test_the_store_and_its_exports_tell_the_same(run):
    keypoints = read_keypoints(run.results / "keypoints.zarr")
    assert keypoints.filename == PICTURES
    assert keypoints.counts() == {"ok": 2, "no person": 1, "unreadable": 1, "failed": 0}
    exports = run.results / "exports"
    pair = np.load(exports / "npy" / "keypoints.npy", allow_pickle=False)
    names = np.load(exports / "npy" / "filenames.npy", allow_pickle=False)
    assert pair.dtype == np.float32
    assert (pair.shape, names.tolist()) == ((2, 18, 3), ["astronaut.jpg", "demo_kick.jpg"])
    for read, kind in ((read_npy_pair, "npy"), (read_openpose, "openpose")):
        found = read(exports / kind).keypoints
        np.testing.assert_allclose(found, keypoints.keypoints, atol=1e-3)
    nobody = json.loads((exports / "openpose" / "coffee_keypoints.json").read_text())
    assert (nobody["version"], nobody["people"]) == (1.3, [])


def test_all_results_lie_in_the_folder(run):
    files = {str(path.relative_to(run.results)) for path in run.results.rglob("*.*")}
    assert {"overlays/demo_kick.jpg", "overlays/coffee.jpg", "poses/overview.png"} <= files
    assert any(re.fullmatch(r"poses/01_.*\.png", name) for name in files)
    with np.load(run.results / "poses" / "poses3d.npz", allow_pickle=False) as lifted:
        assert lifted["poses3d"].shape == (2, 15, 3)


def test_mlflow_has_losses_weights_settings_and_figures(run, registry):
    (made,) = _runs(run.folder)
    assert {"gan_1/generator_loss", "gan_1/discriminator_accuracy"} <= made.data.metrics.keys()
    assert made.data.params["gan.steps"] == "80"
    assert made.data.tags["data_digest"]
    assert re.fullmatch(r"[0-9a-f]{40}|unknown", made.data.tags["git_commit"])
    place = Path(mlflow.artifacts.download_artifacts(run_id=made.info.run_id))
    for network in ("generator", "discriminator"):
        assert load_file(place / "gan" / f"{network}.safetensors")
    assert json.loads((place / "config.json").read_text())["gan"]["steps"] == 80
    assert (place / "figures" / "training.png").is_file()
    assert "broken.jpg,unreadable," in (place / "ledger.csv").read_text()
    assert (place / "poses" / "overview.png").is_file()


def test_the_champion_lifts_float32_rows_of_45_and_nothing_else(run, registry):
    assert registry.get_model_version_by_alias("pose-lifter", "champion").version == 1
    model = mlflow.pyfunc.load_model(CHAMPION)
    rows = np.nan_to_num(read_training_poses([sample_poses()]).poses[:3]).reshape(3, 45)
    lifted = model.predict(rows)
    assert lifted.shape == (3, 45)
    assert lifted.dtype == np.float32
    pelvis = lifted.reshape(3, 15, 3)[:, BODY_15.index("pelvis")]
    np.testing.assert_allclose(pelvis, 0, atol=1e-6)
    for wrong in (rows[:, :44], rows.reshape(3, 15, 3), rows.astype(np.float64)):
        with pytest.raises((MlflowException, ValueError)):
            model.predict(wrong)


def test_the_mlflow_run_and_the_flow_runs_page_lead_to_each_other(run, registry):
    (made,) = _runs(run.folder)
    artifacts = _artifacts(run.folder)
    flow_run = uuid.UUID(made.data.tags["prefect.flow_run_id"])
    assert made.info.run_id in artifacts[flow_run]["training"]
    shown = {key: text for page in artifacts.values() for key, text in page.items()}
    assert "data:image/png;base64,iVBOR" in shown["poses"]
    assert "| unreadable | 1 |" in shown["ledger"]


@pytest.mark.parametrize(
    ("command", "key"),
    [
        ("models list", "models"),
        ("status out/keypoints.zarr", "reasons"),
        (f"lift out/keypoints.zarr --out lifted --model {CHAMPION}", "lifted"),
    ],
)
def test_reports_are_one_json_object_on_stdout(run, registry, poselift, monkeypatch, command, key):
    monkeypatch.chdir(run.folder)
    outcome = poselift(*command.split(), "--json")
    assert outcome.status == 0, outcome.err
    assert key in json.loads(outcome.out)


def test_the_champion_is_scored_against_truth(run, registry, poselift, shared):
    truth = shared / "data" / "mocap" / "eval_val_2d3d.npz"
    outcome = poselift("evaluate", "lifter", "--truth", truth, "--model", CHAMPION, "--json")
    assert outcome.status == 0, outcome.err
    scores = json.loads(outcome.out)
    assert scores["poses"] == 2500
    assert 0 < scores["pa_mpjpe_reflected"] <= scores["pa_mpjpe"] < 1000


def test_the_demo_trains_on_what_is_bundled_and_draws_the_bundled_lifter_beside():
    config = demo_config()
    assert config.train == DEMO
    assert config.compare_with == "bundled"
    assert [Path(path).is_file() for path in config.train_on] == [True]


def _start(place):
    command = "run pictures --out out --config tiny.toml --json --train-on"
    return place.poselift(command, sample_poses())


def _tracking(folder):
    return f"sqlite:///{folder / 'home' / 'mlflow.db'}"


def _runs(folder):
    client = MlflowClient(_tracking(folder))
    return client.search_runs([client.get_experiment_by_name("pose-lifting").experiment_id])


def _artifacts(folder):
    """Return what is shown on each flow run's page, by its id and the artifact's key."""
    pages = {}
    with contextlib.closing(
        sqlite3.connect(folder / "home" / "prefect" / "prefect.db")
    ) as database:
        for flow_run, key, data in database.execute("SELECT flow_run_id, key, data FROM artifact"):
            pages.setdefault(uuid.UUID(flow_run), {})[key] = json.loads(data)
    return pages
