"""`poselift train` as its users stop it, by Ctrl-C, SIGTERM or kill -9, and then run it again."""

import json
import signal

import pytest
from left_over import left_over
from mlflow import MlflowClient

from pose_lib.datasets.sample import sample_poses
from pose_lib.lifting.files.checkpoint import CHECKPOINT, read_checkpoint

CONFIG = """
[train.gan]
n_generators = 1
steps = 300
batch = 16
width = 16

[train.diagnostics]
stop = false

[train.distill]
steps = 20
batch = 16
width = 16
"""
PRINTED = {
    signal.SIGINT: "run the same command again to go on",
    signal.SIGTERM: "the same command goes on from there",
}


@pytest.mark.every_fault  # the pipeline's tests stop a training, and those of tasks kill some
def test_however_a_training_is_stopped_the_same_command_goes_on_and_then_trains_no_more(api, place):
    place.environment["PREFECT_API_URL"] = api
    (place.folder / "small.toml").write_text(CONFIG)
    step = 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        run = _train(place)
        run.wait_for("training: [1-9]")
        status = run.end(number)
        assert left_over(place.environment) == []
        if number == signal.SIGKILL:
            assert status == -signal.SIGKILL
            continue
        assert status == 130
        assert PRINTED[number] in run.printed
        (saved,) = (place.folder / "home" / "checkpoints").glob(f"*/{CHECKPOINT}")
        before, step = step, read_checkpoint(saved).values["stage_step"]
        assert step > before
        assert _runs(place) == {"train lifter": "KILLED", "gan 1": "KILLED"}

    finished = _train(place)
    assert finished.end() == 0, finished.printed
    result = json.loads(finished.out)
    assert result["resumed_at"] >= step
    assert result["model_uri"] == "models:/pose-lifter/1"
    assert set(_runs(place).values()) == {"FINISHED"}

    again = _train(place)
    assert again.end() == 0, again.printed
    assert "poselift train --again" in again.printed
    for key in ("model_uri", "losses"):
        assert json.loads(again.out)[key] == result[key]


def _train(place):
    return place.poselift("train --config small.toml --json", sample_poses())


def _runs(place):
    client = MlflowClient(f"sqlite:///{place.folder / 'home' / 'mlflow.db'}")
    experiments = [client.get_experiment_by_name(f"pose-lifting{end}") for end in ("", "-stages")]
    runs = client.search_runs([experiment.experiment_id for experiment in experiments])
    return {run.info.run_name: run.info.status for run in runs}
