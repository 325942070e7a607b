"""`poselift train` as its users stop it, by Ctrl-C, SIGTERM or kill -9, and then run it again."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from left_over import left_over, marked
from mlflow import MlflowClient

from pose_lib.datasets.sample import sample_poses
from pose_lib.lifting.files.checkpoint import CHECKPOINT, read_checkpoint
from tasks.runtime.workspace import HOME_VARIABLE

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


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.toml").write_text(CONFIG)
    return tmp_path


def test_however_a_training_is_stopped_the_same_command_goes_on_and_then_trains_no_more(folder):
    stopped = _stop(folder, signal.SIGINT, at="training: [1-9]")
    assert stopped.status == 130
    assert "run the same command again to go on" in stopped.err
    (saved,) = (folder / "home" / "checkpoints").glob(f"*/{CHECKPOINT}")
    step = read_checkpoint(saved).values["stage_step"]
    assert step > 0
    assert _runs(folder) == {"train lifter": "KILLED", "gan 1": "KILLED"}

    terminated = _stop(folder, signal.SIGTERM, at="training: [1-9]")
    assert terminated.status == 130
    assert "the same command goes on from there" in terminated.err
    assert read_checkpoint(saved).values["stage_step"] > step
    assert _runs(folder) == {"train lifter": "KILLED", "gan 1": "KILLED"}

    assert _stop(folder, signal.SIGKILL, at="training: [1-9]").status == -signal.SIGKILL
    finished = json.loads(_finish(folder).out)
    assert finished["resumed_at"] > step
    assert finished["model_uri"] == "models:/pose-lifter/1"
    assert set(_runs(folder).values()) == {"FINISHED"}

    again = _finish(folder)
    assert "poselift train --again" in again.err
    assert json.loads(again.out)["model_uri"] == "models:/pose-lifter/1"
    assert json.loads(again.out)["losses"] == finished["losses"]


class _Ended:
    def __init__(self, process, err):
        self.out, rest = process.communicate(timeout=300)
        self.status, self.err = process.returncode, err + rest
        assert "Traceback" not in self.err


def _stop(folder, number, *, at):
    """Start the training, stop it where it prints what is given; nothing of it must be left."""
    mark = marked()
    process = _start(folder, mark)
    said = []
    for line in process.stderr:
        said.append(line)
        if re.search(at, line):
            break
    process.send_signal(number)
    ended = _Ended(process, "".join(said))
    assert left_over(mark) == []
    return ended


def _finish(folder):
    ended = _Ended(_start(folder, {}), "")
    assert ended.status == 0, ended.err
    return ended


def _start(folder, mark):
    environment = {**os.environ, **mark, HOME_VARIABLE: str(folder / "home")}
    for name in ("PREFECT_API_URL", "PREFECT_HOME", "MLFLOW_TRACKING_URI"):
        environment.pop(name, None)
    command = ["train", str(sample_poses()), "--config", "small.toml", "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _runs(folder):
    client = MlflowClient(f"sqlite:///{folder / 'home' / 'mlflow.db'}")
    experiments = [client.get_experiment_by_name(f"pose-lifting{end}") for end in ("", "-stages")]
    runs = client.search_runs([experiment.experiment_id for experiment in experiments])
    return {run.info.run_name: run.info.status for run in runs}
