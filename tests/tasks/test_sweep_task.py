"""Sweeps as tasks: a child run for each training, none of them done twice or registered."""

from dataclasses import replace

import pytest

from pose_lib.datasets.sample import sample_poses
from pose_lib.errors import InputError
from pose_lib.lifting.training.config import DiagnosticsConfig
from pose_lib.lifting.training.sweep import Sweep, Trial
from tasks import training_run
from tasks.mlflow_tracking.client import PARENT_TAG, connect, find_runs, tracked_run
from tasks.mlflow_tracking.registry import list_lifters
from tasks.sweep import EXPERIMENT, PlannedSweep, plan_sweep, run_trial, tracked_sweep
from tasks.training_run import saved_on_the_way

DATA = [sample_poses()]


class Interrupted(BaseException):
    """Stands for Ctrl-C or a kill."""


@pytest.fixture
def planned(tiny):
    return PlannedSweep("small", Sweep({"ours": tiny}, (0,)), "d" * 64)


def test_a_trial_is_a_child_with_its_figures_and_lifter_and_is_not_registered(
    workspace, tiny, planned, truth
):
    with tracked_sweep(planned) as whole:
        outcome = run_trial.fn(Trial("ours", tiny), DATA, truth, whole)
    (child,) = _children(whole)
    assert child.info.run_name == "ours, seed 0"
    assert child.data.tags["variant"] == "ours"
    assert child.data.params["gan.steps"] == "8"
    assert outcome.figures["pa_mpjpe"] == child.data.metrics["pa_mpjpe"] > 0
    assert {"noisy_pa_mpjpe", "joint_error", "mirror_share", "seconds"} <= outcome.figures.keys()
    files = connect().list_artifacts(child.info.run_id, "lifter")
    assert any(file.path.endswith(".safetensors") for file in files)
    assert list_lifters() == []
    assert list(workspace.checkpoints.iterdir()) == []


def test_a_finished_trial_is_not_trained_again_but_scored_if_that_is_missing(
    workspace, tiny, planned, truth, monkeypatch
):
    with tracked_sweep(planned) as whole:
        unscored = run_trial.fn(Trial("ours", tiny), DATA, None, whole)
    monkeypatch.setattr("tasks.sweep._train", None)  # which can no longer be called
    with tracked_sweep(planned) as again:
        scored = run_trial.fn(Trial("ours", tiny), DATA, truth, again)
    assert again == whole
    assert "pa_mpjpe" not in unscored.figures
    assert unscored.figures.items() <= scored.figures.items()
    assert len(_children(whole)) == 1


def test_an_interrupted_trial_goes_on_in_its_run_with_the_same_figures(
    workspace, tiny, planned, monkeypatch
):
    trial = Trial("ours", tiny)
    monkeypatch.setattr(training_run, "CHECKPOINT_SECONDS", 0)
    with monkeypatch.context() as patch:
        patch.setattr("tasks.sweep.saved_on_the_way", _cut_short)
        with pytest.raises(Interrupted):
            _run_alone(trial, planned)
    with tracked_sweep(planned) as whole:
        resumed = run_trial.fn(trial, DATA, None, whole)
    (child,) = _children(whole)
    assert child.info.status == "FINISHED"
    with tracked_sweep(replace(planned, name="undisturbed")) as whole:
        undisturbed = run_trial.fn(trial, DATA, None, whole)
    assert _without_seconds(resumed) == _without_seconds(undisturbed)


def test_other_settings_or_seeds_are_other_children_of_the_same_sweep(workspace, tiny, planned):
    with tracked_sweep(planned) as whole:
        for config in (
            tiny,
            replace(tiny, seed=1),
            replace(tiny, gan=replace(tiny.gan, instance_noise_std=0.0)),
        ):
            run_trial.fn(Trial("ours", config), DATA, None, whole)
    assert len({child.data.tags["trial"] for child in _children(whole)}) == 3


def test_a_sick_trial_is_an_outcome_and_a_failed_run(workspace, tiny, planned):
    strict = DiagnosticsConfig(every=2, begin=0, patience=2, people=64, min_depth_spread=1.0)
    with tracked_sweep(planned) as whole:
        outcome = run_trial.fn(Trial("flat", replace(tiny, diagnostics=strict)), DATA, None, whole)
    assert "flat or all alike" in outcome.diverged
    assert outcome.figures == {}
    (child,) = _children(whole)
    assert (child.info.status, child.data.tags["diverged"]) == ("FAILED", outcome.diverged)


def test_a_sweep_of_other_data_or_name_is_another_run(workspace, planned):
    others = (replace(planned, name="Bob's"), replace(planned, data_digest="e" * 64), planned)
    ids = set()
    for one in (planned, *others):
        with tracked_sweep(one) as run_id:
            ids.add(run_id)
    assert len(ids) == 3
    with tracked_run("train lifter"):
        pass
    assert len(find_runs(EXPERIMENT, {"sweep": "small"})) == 2


@pytest.mark.parametrize(
    ("changes", "culprit"),
    [
        ({"file": "missing.toml"}, "missing.toml"),
        ({"data": "missing.npz"}, "missing.npz"),
        ({"truth": "missing.npz"}, "missing.npz"),
        ({"seeds": [1, 1]}, "--seeds: a sweep needs seeds, each once"),
    ],
)
def test_bad_input_is_found_before_any_training(workspace, tmp_path, changes, culprit):
    (tmp_path / "good.toml").write_text("[variants.ours]")
    given = {"file": "good.toml", "data": sample_poses(), "truth": None, "seeds": None} | changes
    paths = {name: tmp_path / given[name] for name in ("file", "data")}
    truth = tmp_path / given["truth"] if given["truth"] else None
    with pytest.raises(InputError, match=culprit):
        plan_sweep.fn(paths["file"], [paths["data"]], truth, given["seeds"])


def test_seeds_given_replace_the_files(workspace, tmp_path):
    (tmp_path / "good.toml").write_text("seeds = [0, 1]\n[variants.ours]")
    planned = plan_sweep.fn(tmp_path / "good.toml", DATA, None, [7])
    assert (planned.name, planned.sweep.seeds) == ("good", (7,))


def _run_alone(trial, planned):
    with tracked_sweep(planned) as whole:
        run_trial.fn(trial, DATA, None, whole)


def _children(whole):
    return find_runs(EXPERIMENT, {PARENT_TAG: whole})


def _cut_short(reports, saver, interrupted):
    for report in saved_on_the_way(reports, saver, interrupted):
        if report.step == 12:
            raise Interrupted
        yield report


def _without_seconds(outcome):
    return {name: value for name, value in outcome.figures.items() if name != "seconds"}
