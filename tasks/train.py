"""Training as a Prefect task: tracked in MLflow, resumed where it stopped, then registered."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import numpy as np
from prefect import task

from pose_lib.errors import InputError, RunFailedError
from pose_lib.files.locations import Location
from pose_lib.lifting.bone_length_table import BoneLengthTable, measure_sources
from pose_lib.lifting.config import TrainConfig
from pose_lib.lifting.files.lifter_folder import save_lifter, save_networks
from pose_lib.lifting.train import StepReport, Training, use_one_thread
from pose_lib.plots.figures import png_bytes
from pose_lib.plots.training_figures import training_curves
from pose_lib.training_data import TrainingPoses, read_training_poses
from tasks.mlflow_tracking.checkpoint_folder import clear, is_begun, lock_checkpoints, was_finished
from tasks.mlflow_tracking.client import (
    EXPERIMENT,
    connect,
    find_runs,
    origin_tags,
    reason_of,
    require_tracking,
    tracked_run,
    tracking_server,
    until_mlflow_answers,
)
from tasks.mlflow_tracking.journal import WHOLE, Journal
from tasks.mlflow_tracking.registry import (
    RegisteredLifter,
    forget_unregistered,
    promote,
    register_lifter,
    registered_by,
)
from tasks.runtime.progress import report_progress, tell
from tasks.runtime.signals import deferred_signals
from tasks.runtime.workspace import current_workspace
from tasks.training_run import (
    Record,
    Saver,
    begun_training,
    figures,
    is_logged,
    kept_if_sick,
    log_settings,
    of_stage,
    recorded,
    saved_on_the_way,
    stopwatch,
    told_how_it_ends,
    training_id,
)

STAGES = f"{EXPERIMENT}-stages"
TRAINING_TAG = "training"
"""Of a run: its data, settings and this package's version, as one short name."""

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
        reused: Whether all that is from an earlier run, with the same data and settings.
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
    reused: bool = False


@task(name="check-tracking")
def check_tracking() -> None:
    """Ask MLflow for nothing but to fail before long work, not after it."""
    require_tracking()


@task(name="train-lifter")
def train_lifter(
    data: Sequence[Location], config: TrainConfig, again: bool = False
) -> TrainedLifter:
    """Train the GAN and its lifter on 2D poses, store both networks, register the lifter.

    An interrupted training with the same data and settings goes on from its checkpoint in the
    same MLflow run; so does one that its health stopped, once the limits are others. Of one that
    is finished and registered, that lifter is returned.

    Args:
        again: Train a new lifter even where there is a registered one of this data and settings.

    Raises:
        SickTrainingError: If its health stops the training; the run then has a tag with the reason.
        RunFailedError: If MLflow is gone at the end, or the disk full; nothing is lost.
    """
    start = time.monotonic()
    use_one_thread()
    poses = read_training_poses(data)
    require_tracking()
    name = training_id(poses, config)
    place = current_workspace().checkpoints / name
    tag = f"{name}-{version('poselift')}"
    with lock_checkpoints(place) as lease:
        if was_finished(place, EXPERIMENT):
            clear(place)
            again = False
        if not (again or is_begun(place)) and (known := _registered_before(tag)):
            return _reused(known, len(poses.poses), start, config)
        return _trained(poses, config, place, tag, start, lease.confirm)


def _trained(
    poses: TrainingPoses,
    config: TrainConfig,
    place: Path,
    tag: str,
    start: float,
    confirm: Callable[[], None],
) -> TrainedLifter:
    """Train to the end and register.

    Args:
        start: When this began, by the monotonic clock.
        confirm: Makes sure that nobody took the place over meanwhile.
    """
    training = begun_training(poses, config, place)
    resumed_at = training.step
    tags = origin_tags() | {TRAINING_TAG: tag}
    with recorded(place, experiment=EXPERIMENT, name="train lifter", tags=tags) as record:
        log_settings(record.journal, poses, config)
        saver = Saver(training, place, record.journal)
        with kept_if_sick(saver):
            _train(training, saver, record.journal)
        record.deliver()
        registered = _stored(training, poses, record, confirm)
    clear(place)
    values = record.journal.last()
    return _described(registered, values, len(poses.poses), start, resumed_at)


def _reused(
    known: RegisteredLifter, people: int, start: float, config: TrainConfig
) -> TrainedLifter:
    tell(
        f"this data was trained on with these settings before: {known.uri}, which stays as it is; "
        "`poselift train --again` or another seed trains anew"
    )
    values = connect().get_run(known.run_id).data.metrics
    described = _described(known, values, people, start, config.total_steps)
    return replace(described, reused=True)


def _described(
    registered: RegisteredLifter,
    values: dict[str, float],
    people: int,
    start: float,
    resumed_at: int,
) -> TrainedLifter:
    """Say what came of a training.

    Args:
        values: The last of each metric.
        start: When this began, by the monotonic clock.
    """
    seconds = {name: value for name, value in values.items() if name.endswith("/seconds")}
    health = {name: value for name, value in values.items() if "/health/" in name}
    losses = sorted(values.keys() - seconds.keys() - health.keys())
    return TrainedLifter(
        model_uri=registered.uri,
        version=registered.version,
        run_id=registered.run_id,
        people=people,
        losses={name: values[name] for name in losses},
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


def _train(training: Training, saver: Saver, journal: Journal) -> None:
    """Train to the end; report, tell the journal, and save on the way and at the end.

    Each stage is a run of its own besides, so that curves of several GANs can be laid over each
    other, and in an experiment of its own, so that a row in this one is a whole training.
    """
    for stage, reports in training.stages():
        _end_stages(journal, but=stage)
        journal.begin(stage, experiment=STAGES, name=stage, tags={}, within=WHOLE)
        with told_how_it_ends(journal, stage), deferred_signals() as interrupted:
            seconds = stopwatch(journal, stage)
            for report in saved_on_the_way(reports, saver, interrupted):
                if is_logged(report):
                    values = figures(report) | {"seconds": next(seconds)}
                    journal.log_metrics(stage, values, report.stage_step)
                    journal.log_metrics(WHOLE, of_stage(stage, values), report.step)
                    report_progress("training", report.step, report.total_steps, _note(report))
    _end_stages(journal)
    saver.save()


def _end_stages(journal: Journal, but: str | None = None) -> None:
    """Tell that stages are finished; a kill may have come between the last step of one and that."""
    for stage in journal.runs():
        if stage not in (WHOLE, but):
            journal.end(stage, "FINISHED")


def _registered_before(tag: str) -> RegisteredLifter | None:
    """Return what the latest finished training of that tag registered, if it is still there."""
    for run in reversed(find_runs(EXPERIMENT, {TRAINING_TAG: tag})):
        if run.info.status == "FINISHED" and (lifter := registered_by(run.info.run_id)):
            return lifter
    return None


def _stored(
    training: Training, poses: TrainingPoses, record: Record, confirm: Callable[[], None]
) -> RegisteredLifter:
    """Store and register, however often MLflow goes away meanwhile; one version in all."""
    try:
        confirm()
        return until_mlflow_answers(
            lambda: _store(training, poses, record), what="the trained lifter"
        )
    except (InputError, OSError) as error:
        raise RunFailedError(
            f"the lifter is trained but cannot be stored ({reason_of(error)}); mend that and run "
            "the same command again, which does not train again"
        ) from error


def _store(training: Training, poses: TrainingPoses, record: Record) -> RegisteredLifter:
    """Log networks and curves to the MLflow run, and register the lifter, unless it is."""
    with tracked_run("train lifter", record.run_id), TemporaryDirectory() as temporary:
        if known := registered_by(record.run_id):
            return promote(known.version)
        forget_unregistered(record.run_id)
        folder = Path(temporary)
        save_networks(training.generators, training.discriminators, folder / "gan")
        mlflow.log_artifacts(str(folder / "gan"), "gan")
        curves = training_curves(_history(record.journal, training.config.gan.n_generators))
        (folder / "training.png").write_bytes(png_bytes(curves))
        mlflow.log_artifact(str(folder / "training.png"), "figures")
        save_lifter(replace(training.lifter(), sources=_sources(poses)), folder / "lifter")
        return register_lifter(folder / "lifter", example=poses.poses[:4])


def _sources(poses: TrainingPoses) -> tuple[BoneLengthTable, ...]:
    """Measure the bone lengths of the detectors or data sets that gave the poses."""
    rng = np.random.default_rng(0)
    tables = measure_sources(poses.by_skeleton, "the 2D poses it was trained on", rng)
    return tuple(table for table in tables if table.complete)


def _history(journal: Journal, n_generators: int) -> list[dict[str, float]]:
    """Return the losses of all stages, with those from before an interruption."""
    gans = [f"gan_{number}" for number in range(1, n_generators + 1)]
    curves = [(stage, name) for stage in gans for name in _GAN_CURVES]
    return [
        {"step": step, name: values[told]}
        for stage, name in [*curves, ("refine", "joint_error")]
        for step, values in journal.history()
        if (told := f"{stage}/{name}") in values
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
