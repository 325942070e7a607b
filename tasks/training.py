"""A training on its way: begun or gone on with, saved now and then, and told to MLflow.

What an ordinary training and a sweep's many have in common.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Run

from pose_lib.config import config_table
from pose_lib.errors import SickTrainingError
from pose_lib.formats.lifter_folder import (
    CHECKPOINT_SCHEMA,
    load_checkpoint,
    save_checkpoint,
)
from pose_lib.formats.training_poses import TrainingPoses
from pose_lib.formats.whole_file import write_whole
from pose_lib.lifting.config import TrainConfig
from pose_lib.lifting.train import StepReport, Training, deciding_settings
from tasks.tracking import connect, known_run

CHECKPOINT_SECONDS = 30.0
LOGGED_POINTS = 300
"""Points of all curves together in MLflow, whatever the number of steps."""

SICK_TAG = "sick"

_RUN_FILE = "mlflow_run.json"


def training_id(poses: TrainingPoses, config: TrainConfig) -> str:
    """Return the same short name for the same poses and settings, and no other's."""
    told = json.dumps(
        [CHECKPOINT_SCHEMA, poses.digest, poses.counts, deciding_settings(config)], sort_keys=True
    )
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def begun_training(
    poses: TrainingPoses, config: TrainConfig, place: Path
) -> tuple[Training, str | None]:
    """Return the training and the MLflow run to go on with, both new where there is nothing."""
    note = place / _RUN_FILE
    if not note.is_file() or not known_run(run_id := json.loads(note.read_text())["run_id"]):
        return Training.start(poses.poses, config, poses.counts), None
    if checkpoint := load_checkpoint(place):
        return Training.restore(poses.poses, config, checkpoint, poses.counts), run_id
    return Training.start(poses.poses, config, poses.counts), run_id


def remember_run(run_id: str, place: Path) -> None:
    """Note in which MLflow run the training of this place goes on."""
    write_whole(place / _RUN_FILE, json.dumps({"run_id": run_id}).encode())


def log_settings(poses: TrainingPoses, config: TrainConfig) -> None:
    """Write on the current MLflow run what its training is made of."""
    mlflow.log_params(_flat(deciding_settings(config)))
    mlflow.log_dict(config_table(config), "config.json")
    mlflow.set_tags({"data_digest": poses.digest, "data": json.dumps(poses.sources)})


def saved_on_the_way(
    reports: Iterable[StepReport], training: Training, place: Path
) -> Iterator[StepReport]:
    """Pass reports on, and save a checkpoint every half minute."""
    saved = time.monotonic()
    for report in reports:
        yield report
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            save_checkpoint(training.checkpoint(), place)
            saved = time.monotonic()


@contextmanager
def kept_if_sick(training: Training, place: Path) -> Iterator[None]:
    """Keep the checkpoint of a training that its health stops in this block.

    Under the same limits it would stop at once again; under others it goes on. Without hope,
    nothing is kept: other settings are another training.
    """
    try:
        yield
    except SickTrainingError as error:
        if error.hopeless:
            shutil.rmtree(place)
        else:
            save_checkpoint(training.checkpoint(), place)
        raise


@contextmanager
def tagged_if_sick() -> Iterator[None]:
    """Write the reason on the current MLflow run if its training is stopped in this block."""
    mlflow.set_tag(SICK_TAG, "")  # it may go on from an earlier stop
    try:
        yield
    except SickTrainingError as error:
        mlflow.set_tag(SICK_TAG, str(error))
        raise


def stopwatch(run: Run) -> Iterator[float]:
    """Yield the seconds until now, with those that the run took before an interruption."""
    before = connect().get_run(run.info.run_id).data.metrics.get("seconds", 0.0)
    start = time.monotonic()
    while True:
        yield before + time.monotonic() - start


def is_logged(report: StepReport) -> bool:
    """Tell whether a step is one of those that MLflow hears of."""
    every = max(1, report.total_steps // LOGGED_POINTS)
    is_last = report.step == report.total_steps
    return report.step % every == 0 or is_last or report.health is not None


def figures(report: StepReport) -> dict[str, float]:
    """Return the losses of a step, and the figures of health where it was looked at."""
    health = report.health.figures if report.health else {}
    return report.losses | {f"health/{name}": value for name, value in health.items()}


def of_stage(stage: str, values: dict[str, float]) -> dict[str, float]:
    """Name values as of a stage: ``gan_1/generator_loss``."""
    return {f"{stage.replace(' ', '_')}/{name}": value for name, value in values.items()}


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        nested = isinstance(value, dict)
        flat |= _flat(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value}
    return flat
