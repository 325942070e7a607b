"""Trainings that are killed, starved or left alone by MLflow: nothing lost, nothing doubled."""

import os
import random
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.models import Model
from mlflow_process import MlflowServer
from trainings_apart import DATA, Apart, killed_at, told

from pose_lib.errors import InputError, RunFailedError
from pose_lib.lifting.files import checkpoint
from pose_lib.lifting.files.checkpoint import CHECKPOINT, EARLIER, read_checkpoint
from pose_lib.lifting.training.config import DistillConfig, GanConfig, TrainConfig
from tasks import train, training_run
from tasks.mlflow_tracking import outbox
from tasks.mlflow_tracking.journal import Journal
from tasks.runtime.progress import lines_to, progress_to
from tasks.runtime.workspace import HOME_VARIABLE, Workspace
from tasks.train import train_lifter

CONFIG = TrainConfig(
    gan=GanConfig(n_generators=2, steps=10, batch=16, width=16, cycle_warmup_steps=4),
    distill=DistillConfig(steps=10, batch=16, width=16),
    use_gpu=False,
)
N_KILLS = 20
PLACES = [
    (training_run, "save_checkpoint", 20, True),
    (MlflowClient, "create_model_version", 1, True),
]
FURTHER_PLACES = [
    (training_run, "save_checkpoint", 10, False),  # the last step of a stage
    (training_run, "save_checkpoint", 30, True),
    (Path, "replace", 10, False),  # within the writing of a checkpoint, or of what was sent
    (Path, "replace", 11, False),
    (os, "write", 12, False),
    (MlflowClient, "create_run", 1, True),
    (MlflowClient, "log_batch", 5, True),
    (Model, "log", 1, True),
    (MlflowClient, "set_registered_model_alias", 1, True),
    (train, "clear", 1, False),
    (Path, "unlink", 2, False),
]


@pytest.fixture(scope="module")
def undisturbed(empty_database, tmp_path_factory):
    """What an undisturbed training leaves; trained here, so that forks find all imported."""
    home = _home(empty_database, tmp_path_factory.mktemp("undisturbed"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        train_lifter.fn(DATA, CONFIG)
    return told(home, home / "lifters")


@pytest.fixture
def home(empty_database, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return _home(empty_database, tmp_path)


@pytest.fixture
def server(home, monkeypatch):
    """A running MLflow server on the working folder's database, which all trainings use."""
    server = MlflowServer(home)
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    monkeypatch.setattr(training_run, "CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr(outbox, "SEND_SECONDS", 0.05)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def test_killed_at_random_again_and_again_it_is_the_same_training(home, undisturbed):
    rng = random.Random(0)
    status, n_kills = -1, 0
    while status:
        attempt = Apart(home, CONFIG)
        if n_kills < N_KILLS and attempt.wait_for_step(rng.randint(0, 4)):
            time.sleep(rng.uniform(0, 0.1))
            attempt.signal(signal.SIGKILL)
        status = attempt.end()
        n_kills += status == -signal.SIGKILL
    assert n_kills >= N_KILLS / 4  # the quicker a machine, the fewer fit into a training
    _same(home, undisturbed)


@pytest.mark.parametrize(
    ("owner", "name", "nth", "after"),
    [
        *PLACES,
        *(pytest.param(*place, marks=pytest.mark.every_fault) for place in FURTHER_PLACES),
    ],
)
def test_killed_at_a_place_of_our_choice_it_is_the_same_training(
    home, undisturbed, owner, name, nth, after
):
    killed = Apart(home, CONFIG, arm=killed_at(owner, name, nth, after=after))
    assert killed.end() == -signal.SIGKILL
    assert Apart(home, CONFIG).end() == 0
    _same(home, undisturbed)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.every_fault)]
)
def test_an_interruption_saves_its_step_and_the_run_is_killed_until_it_goes_on(
    home, undisturbed, number
):
    stopped = Apart(home, CONFIG, arm=_saving_seldom, pause=0.02)
    stopped.wait_for_step(14)
    stopped.signal(number)
    assert stopped.end() == {signal.SIGINT: 130, signal.SIGTERM: -signal.SIGTERM}[number]
    (place,) = (home / "checkpoints").iterdir()
    saved = read_checkpoint(place / CHECKPOINT).values
    journal = Journal(place / "journal.jsonl")
    last, _ = journal.history()[-1]
    assert last == 10 * saved["finished"] + saved["stage_step"] >= 14
    if number == signal.SIGINT:  # SIGTERM without Prefect ends a process at once
        assert told(home, home / "before").statuses == {
            "train lifter": "KILLED",
            "gan 1": "FINISHED",
            "gan 2": "KILLED",
        }
    assert Apart(home, CONFIG).end() == 0
    _same(home, undisturbed)


def test_a_damaged_checkpoint_costs_only_the_way_from_the_one_before(
    workspace, home, undisturbed, monkeypatch
):
    killed = Apart(home, CONFIG, arm=killed_at(training_run, "save_checkpoint", 15, after=True))
    assert killed.end() == -signal.SIGKILL
    (place,) = (home / "checkpoints").iterdir()
    content = (place / CHECKPOINT).read_bytes()
    (place / CHECKPOINT).write_bytes(content[: len(content) // 2])
    lines = []
    with lines_to(lines.append):
        assert train_lifter.fn(DATA, CONFIG).resumed_at == 14
    assert any("damaged" in line and "goes on from step 14" in line for line in lines)
    _same(home, undisturbed)


@pytest.mark.every_fault
def test_where_all_checkpoints_are_damaged_it_begins_anew_in_the_same_run(
    workspace, home, undisturbed
):
    killed = Apart(home, CONFIG, arm=killed_at(training_run, "save_checkpoint", 15, after=True))
    assert killed.end() == -signal.SIGKILL
    (place,) = (home / "checkpoints").iterdir()
    for name in (CHECKPOINT, EARLIER):
        (place / name).write_bytes(b"")
    assert train_lifter.fn(DATA, CONFIG).resumed_at == 0
    _same(home, undisturbed)


def test_a_full_disk_is_one_line_and_the_training_goes_on(
    workspace, home, undisturbed, monkeypatch
):
    monkeypatch.setattr(training_run, "CHECKPOINT_SECONDS", 0)
    real, calls, lines = checkpoint.write_atomic, [], []

    def full_for_a_while(path, content):
        calls.append(path)
        if 5 < len(calls) < 12:
            raise InputError(f"cannot write {path}: No space left on device")
        real(path, content)

    monkeypatch.setattr(checkpoint, "write_atomic", full_for_a_while)
    with lines_to(lines.append):
        train_lifter.fn(DATA, CONFIG)
    (line,) = lines
    assert "No space left" in line
    assert "goes on" in line
    assert "back to step 5" in line
    _same(home, undisturbed)


@pytest.mark.every_fault
def test_what_cannot_be_stored_at_the_end_is_stored_by_the_next_run(
    workspace, home, undisturbed, monkeypatch
):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow, "log_artifacts", full)
        with pytest.raises(RunFailedError, match=r"No space left.*does not train again"):
            train_lifter.fn(DATA, CONFIG)
    assert train_lifter.fn(DATA, CONFIG).resumed_at == CONFIG.total_steps
    _same(home, undisturbed)


def test_a_finished_training_is_not_trained_again_unless_asked(workspace, tiny):
    first = train_lifter.fn(DATA, tiny)
    lines = []
    with lines_to(lines.append):
        second = train_lifter.fn(DATA, tiny)
    assert (second.model_uri, second.run_id, second.reused) == (first.model_uri, first.run_id, True)
    assert (second.losses, second.diagnostics) == (first.losses, first.diagnostics)
    assert any("models:/pose-lifter/1" in line and "--again" in line for line in lines)
    third = train_lifter.fn(DATA, tiny, again=True)
    assert (third.version, third.reused, third.losses) == (2, False, first.losses)
    assert train_lifter.fn(DATA, replace(tiny, seed=1)).version == 3


def test_two_of_the_same_training_at_once_do_not_meet(workspace, home, undisturbed):
    first = Apart(home, CONFIG, pause=0.2)
    first.wait_for_step(2)
    with pytest.raises(InputError, match=f"process {first.pid} on"):
        train_lifter.fn(DATA, CONFIG)
    first.signal(signal.SIGKILL)
    first.end()
    train_lifter.fn(DATA, CONFIG)
    _same(home, undisturbed)


def test_mlflow_may_go_away_and_come_back_while_training(server, undisturbed):
    lines = []

    def meanwhile(progress):
        if progress.stage == "training" and progress.done == 8:
            server.kill()
        if progress.stage == "training" and progress.done == 24:
            server.start(wait=False)

    with progress_to(meanwhile), lines_to(lines.append):
        trained = train_lifter.fn(DATA, CONFIG)
    assert trained.model_uri == "models:/pose-lifter/1"
    assert any(server.url in line and "waiting up to" in line for line in lines)
    _same(server.home, undisturbed, server.url)


@pytest.mark.every_fault
def test_if_mlflow_never_comes_back_the_next_run_sends_the_rest_and_trains_nothing(
    server, undisturbed, monkeypatch
):
    killed = Apart(server.home, CONFIG, pause=0.05)
    killed.wait_for_step(6)
    server.kill()
    killed.wait_for_step(8)
    killed.signal(signal.SIGKILL)
    killed.end()
    with pytest.raises(InputError, match=rf"MLflow at {server.url} does not answer"):
        train_lifter.fn(DATA, CONFIG)

    server.start()
    monkeypatch.setenv("POSELIFT_MLFLOW_WAIT", "1")
    with (
        progress_to(lambda progress: server.kill() if progress.done == 20 else None),
        pytest.raises(RunFailedError, match="run the same command again") as ended,
    ):
        train_lifter.fn(DATA, CONFIG)
    assert "\n" not in str(ended.value)

    server.start()
    assert train_lifter.fn(DATA, CONFIG).resumed_at == CONFIG.total_steps
    _same(server.home, undisturbed, server.url)


def _same(home, undisturbed, server=""):
    """Check that a training left exactly what the undisturbed one did."""
    after = told(home, home / "lifters", server)
    assert after == undisturbed
    assert set(after.statuses.values()) == {"FINISHED"}
    assert len(after.versions) == 1
    assert list((home / "checkpoints").iterdir()) == []
    for points in after.points.values():
        steps = [step for step, _ in points]
        assert sorted(set(steps)) == sorted(steps)


def _saving_seldom():
    training_run.CHECKPOINT_SECONDS = 1000


def _home(empty_database, folder):
    home = Workspace(folder / "home").home
    home.mkdir(exist_ok=True)
    shutil.copy(empty_database, home)
    return home
