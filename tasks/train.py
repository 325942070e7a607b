"""Training as a Prefect task: tracked in MLflow, resumed where it stopped, then registered."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import numpy as np
from prefect import task

from pose_lib.formats.lifter_folder import save_lifter, save_networks
from pose_lib.formats.training_poses import TrainingPoses, read_training_poses
from pose_lib.lifting.config import TrainConfig
from pose_lib.lifting.sources import SourceTable, measure_sources
from pose_lib.lifting.train import StepReport, Training, use_one_thread
from pose_lib.plots.figures import png_bytes, training_curves
from tasks.progress import report_progress
from tasks.registry import RegisteredLifter, register_lifter
from tasks.tracking import (
    EXPERIMENT,
    PARENT_TAG,
    connect,
    find_runs,
    tracked_part,
    tracked_run,
    tracking_server,
)
from tasks.training import (
    begun_training,
    figures,
    is_logged,
    kept_if_sick,
    log_settings,
    of_stage,
    remember_run,
    saved_on_the_way,
    stopwatch,
    tagged_if_sick,
    training_id,
)
from tasks.workspace import current_workspace

STAGES = f"{EXPERIMENT}-stages"

_GAN_CURVES = ("generator_loss", "discriminator_loss", "discriminator_accuracy")


@dataclass(frozen=True)
class TrainedLifter:
    """A finished training.

    Attributes:
        model_uri: The registered version, to load the lifter from.
        run_id: The MLflow run with losses, weights, settings and figures.
        people: 2D poses given.
        losses: The last value of each loss, by stage and name.
        health: The last figures of each GAN's health, likewise.
        stage_seconds: How long each stage took, interruptions left out.
        resumed_at: The step it went on from; 0 where it began anew.
    """

    model_uri: str
    version: int
    run_id: str
    people: int
    losses: dict[str, float]
    health: dict[str, float]
    stage_seconds: dict[str, float]
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
    same MLflow run; so does one that its health stopped, once the limits are others.

    Raises:
        SickTrainingError: If its health stops the training; the run then has a tag with the reason.
    """
    start = time.monotonic()
    use_one_thread()
    poses = read_training_poses(data)
    place = current_workspace().checkpoints / training_id(poses, config)
    training, run_id = begun_training(poses, config, place)
    resumed_at = training.step
    with tracked_run("train lifter", run_id) as run, tagged_if_sick():
        log_settings(poses, config)
        remember_run(run.info.run_id, place)
        with kept_if_sick(training, place):
            _train(training, place, run.info.run_id)
        registered = _store(training, poses, run.info.run_id)
    shutil.rmtree(place)
    last = connect().get_run(run.info.run_id).data.metrics
    seconds = {name: value for name, value in last.items() if name.endswith("/seconds")}
    health = {name: value for name, value in last.items() if "/health/" in name}
    return TrainedLifter(
        model_uri=registered.uri,
        version=registered.version,
        run_id=run.info.run_id,
        people=len(poses.poses),
        losses={name: last[name] for name in sorted(last.keys() - seconds.keys() - health.keys())},
        health=health,
        stage_seconds={name.removesuffix("/seconds"): value for name, value in seconds.items()},
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


def _train(training: Training, place: Path, run_id: str) -> None:
    """Train to the end; report, log and save on the way.

    Each stage is a run of its own besides, so that curves of several GANs can be laid over each
    other, and in an experiment of its own, so that a row in this one is a whole training.
    """
    for stage, reports in training.stages():
        known = _stage_run(run_id, stage)
        with (
            tracked_part(stage, run_id, experiment=STAGES, run_id=known) as part,
            tagged_if_sick(),
        ):
            seconds = stopwatch(part)
            for report in saved_on_the_way(reports, training, place):
                if is_logged(report):
                    values = figures(report) | {"seconds": next(seconds)}
                    mlflow.log_metrics(values, step=report.stage_step)
                    mlflow.log_metrics(of_stage(stage, values), step=report.step, run_id=run_id)
                    report_progress("training", report.step, report.total_steps, _note(report))


def _stage_run(run_id: str, stage: str) -> str | None:
    """Return the run of a stage that was interrupted before; None for a stage that begins."""
    parts = find_runs(STAGES, {PARENT_TAG: run_id})
    runs = [part.info for part in parts if part.info.run_name == stage]
    return str(runs[0].run_id) if runs else None


def _store(training: Training, poses: TrainingPoses, run_id: str) -> RegisteredLifter:
    """Log networks and curves to the MLflow run, and register the lifter."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save_networks(training.generators, training.discriminators, folder / "gan")
        mlflow.log_artifacts(str(folder / "gan"), "gan")
        curves = training_curves(_history(run_id, training.config.gan.n_generators))
        (folder / "training.png").write_bytes(png_bytes(curves))
        mlflow.log_artifact(str(folder / "training.png"), "figures")
        save_lifter(replace(training.lifter(), sources=_sources(poses)), folder / "lifter")
        return register_lifter(folder / "lifter", example=poses.poses[:4])


def _sources(poses: TrainingPoses) -> tuple[SourceTable, ...]:
    """Measure the bone lengths of the detectors or data sets that gave the poses."""
    rng = np.random.default_rng(0)
    tables = measure_sources(poses.by_skeleton, "the 2D poses it was trained on", rng)
    return tuple(table for table in tables if table.complete)


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


def _note(report: StepReport) -> str:
    short = {
        "generator_loss": "G",
        "discriminator_loss": "D",
        "discriminator_accuracy": "D right",
        "joint_error": "error",
    }
    shown = [f"{short[name]} {report.losses[name]:.2f}" for name in short if name in report.losses]
    return f"{report.stage}  {'  '.join(shown)}"
