"""Training as a Prefect task: tracked in MLflow, resumed where it stopped, then registered."""

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from prefect import task

from pose_lib.config import config_table
from pose_lib.formats.lifter_folder import (
    load_checkpoint,
    save_checkpoint,
    save_lifter,
    save_networks,
)
from pose_lib.formats.training_poses import TrainingPoses, read_training_poses
from pose_lib.formats.whole_file import write_whole
from pose_lib.lifting.config import TrainConfig
from pose_lib.lifting.train import StepReport, Training, use_one_thread
from pose_lib.plots.figures import png_bytes, training_curves
from tasks.progress import report_progress
from tasks.registry import RegisteredLifter, register_lifter
from tasks.tracking import connect, known_run, tracked_run, tracking_server
from tasks.workspace import current_workspace

CHECKPOINT_SECONDS = 30.0
LOGGED_POINTS = 400
"""Points per curve in MLflow, whatever the number of steps."""

_RUN_FILE = "mlflow_run.json"
_GAN_CURVES = ("generator_loss", "discriminator_loss", "discriminator_accuracy")


@dataclass(frozen=True)
class TrainedLifter:
    """A finished training.

    Attributes:
        model_uri: The registered version, to load the lifter from.
        run_id: The MLflow run with losses, weights, settings and figures.
        people: 2D poses given.
        losses: The last value of each loss, by stage and name.
        resumed_at: The step it went on from; 0 where it began anew.
    """

    model_uri: str
    version: int
    run_id: str
    people: int
    losses: dict[str, float]
    seconds: float
    resumed_at: int


@task(name="check-training-data")
def check_training_data(data: Sequence[Path]) -> None:
    """Read 2D poses for nothing but to fail before long work, not after it."""
    if data:
        read_training_poses(data)


@task(name="train-lifter")
def train_lifter(data: Sequence[Path], config: TrainConfig) -> TrainedLifter:
    """Train the GAN and its lifter on 2D poses, store both networks, register the lifter.

    An interrupted training with the same data and settings goes on from its checkpoint in the
    same MLflow run.
    """
    start = time.monotonic()
    use_one_thread()
    poses = read_training_poses(data)
    place = current_workspace().checkpoints / _training_id(poses, config)
    training, run_id = _begin(poses, config, place)
    resumed_at = training.step
    with tracked_run("train lifter", run_id) as run:
        mlflow.log_params(_flat(config_table(config)))
        mlflow.log_dict(config_table(config), "config.json")
        mlflow.set_tags({"data_digest": poses.digest, "data": json.dumps(poses.sources)})
        write_whole(place / _RUN_FILE, json.dumps({"run_id": run.info.run_id}).encode())
        _train(training, place)
        registered = _store(training, poses, run.info.run_id)
    shutil.rmtree(place)
    return TrainedLifter(
        model_uri=registered.uri,
        version=registered.version,
        run_id=run.info.run_id,
        people=len(poses.poses),
        losses=connect().get_run(run.info.run_id).data.metrics,
        seconds=time.monotonic() - start,
        resumed_at=resumed_at,
    )


def facts(trained: TrainedLifter) -> dict[str, str]:
    """Return what a run's page says about a training."""
    losses = {name: f"{value:.4g}" for name, value in trained.losses.items()}
    return {
        "registered model": f"`{trained.model_uri}`",
        "MLflow run": f"`{trained.run_id}` on `{tracking_server()}`",
        "2D poses": str(trained.people),
        "seconds": f"{trained.seconds:.0f}",
    } | losses


def _begin(poses: TrainingPoses, config: TrainConfig, place: Path) -> tuple[Training, str | None]:
    """Return the training and the MLflow run to go on with, both new where there is nothing."""
    note = place / _RUN_FILE
    if not note.is_file() or not known_run(run_id := json.loads(note.read_text())["run_id"]):
        return Training.start(poses.poses, config), None
    if checkpoint := load_checkpoint(place):
        return Training.restore(poses.poses, config, checkpoint), run_id
    return Training.start(poses.poses, config), run_id


def _train(training: Training, place: Path) -> None:
    """Train to the end; report, log and save on the way."""
    every = max(1, training.total_steps // LOGGED_POINTS)
    saved = time.monotonic()
    for report in training.steps():
        if report.step % every == 0 or report.step == report.total_steps:
            mlflow.log_metrics(_named(report), step=report.step)
            report_progress("training", report.step, report.total_steps, _note(report))
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            save_checkpoint(training.checkpoint(), place)
            saved = time.monotonic()


def _store(training: Training, poses: TrainingPoses, run_id: str) -> RegisteredLifter:
    """Log networks and curves to the MLflow run, and register the lifter."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save_networks(training.generators, training.discriminators, folder / "gan")
        mlflow.log_artifacts(str(folder / "gan"), "gan")
        curves = training_curves(_history(run_id, training.config.gan.n_generators))
        (folder / "training.png").write_bytes(png_bytes(curves))
        mlflow.log_artifact(str(folder / "training.png"), "figures")
        save_lifter(training.lifter(), folder / "lifter")
        return register_lifter(folder / "lifter", example=poses.poses[:4])


def _history(run_id: str, n_generators: int) -> list[dict[str, float]]:
    """Return the losses from MLflow, which has those from before an interruption too."""
    client = connect()
    gans = [f"gan_{number}" for number in range(1, n_generators + 1)]
    curves = [(stage, name) for stage in gans for name in _GAN_CURVES]
    return [
        {"step": point.step, name: point.value}
        for stage, name in [*curves, ("refine", "joint_error")]
        for point in client.get_metric_history(run_id, f"{stage}/{name}")
    ]


def _training_id(poses: TrainingPoses, config: TrainConfig) -> str:
    told = json.dumps([poses.digest, config_table(config)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _named(report: StepReport) -> dict[str, float]:
    stage = report.stage.replace(" ", "_")
    return {f"{stage}/{name}": value for name, value in report.losses.items()}


def _note(report: StepReport) -> str:
    short = {
        "generator_loss": "G",
        "discriminator_loss": "D",
        "discriminator_accuracy": "D right",
        "joint_error": "error",
    }
    shown = [f"{short[name]} {report.losses[name]:.2f}" for name in short if name in report.losses]
    return f"{report.stage}  {'  '.join(shown)}"


def _flat(table: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in table.items():
        nested = isinstance(value, dict)
        flat |= _flat(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value}  # type: ignore[arg-type]
    return flat
