"""Training as a task: one MLflow run however often it is interrupted, and the same losses."""

import json
from dataclasses import replace

import pytest

from pose_lib.datasets.sample import sample_poses
from pose_lib.errors import InputError, TrainingDivergedError
from pose_lib.lifting.training.config import DiagnosticsConfig
from tasks import training_run
from tasks.checks import check_training
from tasks.mlflow_tracking.client import EXPERIMENT, PARENT_TAG, connect, find_runs
from tasks.runtime.progress import progress_to
from tasks.train import STAGES, train_lifter

DATA = [sample_poses()]


class Interrupted(BaseException):
    """Stands for Ctrl-C or a kill."""


def test_an_interrupted_training_goes_on_in_its_run_as_if_nothing_had_been(
    workspace, tiny, monkeypatch
):
    monkeypatch.setattr(training_run, "CHECKPOINT_SECONDS", 0)
    for step in (5, 12):  # once in each stage
        _train_until(step, tiny)
    resumed = train_lifter.fn(DATA, tiny)
    (only,) = _runs()
    assert resumed.run_id == only.info.run_id
    assert resumed.resumed_at == 11
    assert only.info.status == "FINISHED"

    undisturbed = train_lifter.fn(DATA, tiny, again=True)
    assert (undisturbed.resumed_at, undisturbed.version) == (0, 2)
    assert undisturbed.run_id != resumed.run_id
    assert undisturbed.losses == resumed.losses
    assert _losses(undisturbed.run_id) == _losses(resumed.run_id)


def test_without_a_checkpoint_a_training_begins_again_in_its_run(workspace, tiny):
    _train_until(5, tiny)
    resumed = train_lifter.fn(DATA, tiny)
    (only,) = _runs()
    assert (resumed.resumed_at, resumed.run_id) == (0, only.info.run_id)


def test_other_settings_or_a_deleted_run_make_a_new_run(workspace, tiny, monkeypatch):
    monkeypatch.setattr(training_run, "CHECKPOINT_SECONDS", 0)
    _train_until(5, tiny)
    _train_until(5, replace(tiny, seed=1))
    assert len(_runs()) == 2
    for run in _runs():
        connect().delete_run(run.info.run_id)
    _train_until(5, tiny)
    assert len(_runs()) == 1


def test_a_run_tells_settings_data_and_every_step(workspace, tiny):
    trained = train_lifter.fn(DATA, tiny)
    run = connect().get_run(trained.run_id)
    assert run.data.params["gan.steps"] == "8"
    assert json.loads(run.data.tags["data"]) == [[str(sample_poses()), 2000]]
    assert trained.people == 2000
    assert set(_losses(trained.run_id)["gan_1/generator_loss"]) == set(range(1, 9))
    assert set(_losses(trained.run_id)["distill/joint_error"]) == set(range(9, 17))
    assert list(workspace.checkpoints.iterdir()) == []


def test_bad_training_data_is_found_before_any_run_is_made(workspace, tiny, tmp_path):
    for attempt in (check_training, lambda data: train_lifter.fn(data, tiny)):
        with pytest.raises(InputError, match=r"missing\.npz"):
            attempt([tmp_path / "missing.npz"])
    assert connect().get_experiment_by_name(EXPERIMENT) is None


def test_each_stage_is_a_run_with_its_losses_diagnostics_and_seconds(workspace, tiny, monkeypatch):
    monkeypatch.setattr(training_run, "CHECKPOINT_SECONDS", 0)
    for step in (5, 12):  # once in each stage
        _train_until(step, tiny)
    trained = train_lifter.fn(DATA, tiny)
    gan, distill = _stages(trained.run_id)
    assert (gan.info.run_name, distill.info.run_name) == ("gan 1", "distill")
    assert {gan.info.status, distill.info.status} == {"FINISHED"}
    assert set(_losses(gan.info.run_id)["generator_loss"]) == set(range(1, 9))
    assert set(_losses(distill.info.run_id)["joint_error"]) == set(range(1, 9))
    assert (
        gan.data.metrics["diagnostics/mirror_share"]
        == trained.diagnostics["gan_1/diagnostics/mirror_share"]
    )
    assert trained.stage_seconds["gan_1"] == gan.data.metrics["seconds"] > 0
    assert not any("diagnostics" in name or "seconds" in name for name in trained.losses)


def test_a_sick_training_fails_with_its_reason_and_goes_on_once_the_limits_are_others(
    workspace, tiny
):
    strict = DiagnosticsConfig(every=2, begin=0, patience=2, people=64, min_depth_spread=1.0)
    for _ in range(2):
        with pytest.raises(TrainingDivergedError, match="flat or all alike"):
            train_lifter.fn(DATA, replace(tiny, diagnostics=strict))
    (only,) = _runs()
    (stage,) = _stages(only.info.run_id)
    for run in (only, stage):
        assert run.info.status == "FAILED"
        assert "step 4 of 8" in run.data.tags["diverged"]
    cured = train_lifter.fn(DATA, tiny)
    assert (cured.run_id, cured.resumed_at) == (only.info.run_id, 4)
    assert {run.data.tags["diverged"] for run in (*_runs(), *_stages(cured.run_id)[:1])} == {""}


def test_of_a_training_without_hope_nothing_is_kept(workspace, tiny):
    hopeless = replace(tiny, gan=replace(tiny.gan, learning_rate=1e30, steps=40))
    with pytest.raises(TrainingDivergedError, match="finite"):
        train_lifter.fn(DATA, hopeless)
    assert list(workspace.checkpoints.iterdir()) == []


def _stages(run_id):
    return find_runs(STAGES, {PARENT_TAG: run_id})


def _train_until(step, config):
    def stop(progress):
        if progress.done >= step:
            raise Interrupted

    with pytest.raises(Interrupted), progress_to(stop):
        train_lifter.fn(DATA, config)


def _runs():
    client = connect()
    return client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])


def _losses(run_id):
    client = connect()
    names = client.get_run(run_id).data.metrics
    return {
        name: {point.step: point.value for point in client.get_metric_history(run_id, name)}
        for name in names
        if not name.endswith("seconds")
    }
