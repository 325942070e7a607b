"""A sweep as Prefect tasks: a parent run in MLflow, a child for each training, one table."""

import hashlib
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from prefect import task

from pose_lib.errors import SickTrainingError
from pose_lib.files.atomic_write import write_atomic
from pose_lib.files.locations import Location
from pose_lib.lifting.files.lifter_folder import save_lifter
from pose_lib.lifting.files.sweep_table import (
    CSV_FILE,
    MARKDOWN_FILE,
    sweep_csv,
    sweep_markdown,
)
from pose_lib.lifting.lifter import Lifter
from pose_lib.lifting.sweep import FIGURES, Outcome, Sweep, Trial, rows_of
from pose_lib.lifting.train import Training, use_one_thread
from pose_lib.plots.figures import png_bytes
from pose_lib.plots.training_figures import sweep_figure
from pose_lib.training_data import TrainingPoses, read_training_poses
from tasks.artifacts import MAX_PICTURE_BYTES, Picture, show_sweep
from tasks.checks import check_sweep
from tasks.evaluate import score_lifter
from tasks.mlflow_tracking.checkpoint_folder import clear, lock_checkpoints
from tasks.mlflow_tracking.client import (
    PARENT_TAG,
    connect,
    download,
    find_runs,
    tracked_run,
    until_mlflow_answers,
)
from tasks.mlflow_tracking.journal import WHOLE, Journal
from tasks.runtime.signals import deferred_signals
from tasks.runtime.workspace import current_workspace
from tasks.training_run import (
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
    training_id,
)

EXPERIMENT = "pose-lifting-sweeps"
FIGURE_FILE = "sweep.png"

_LIFTER, _TRUTH_TAG = "lifter", "truth_digest"
_JUDGED = ("mirror_share", "depth_spread")  # of the health of each GAN, at its end
_LAST_ERRORS = 10  # of those logged, since one batch alone says little


@dataclass(frozen=True)
class PlannedSweep:
    """A sweep, ready to run.

    Attributes:
        name: The sweep file's, which is the name of its MLflow run.
        data_digest: Of the 2D poses.
    """

    name: str
    sweep: Sweep
    data_digest: str


@task(name="plan-sweep", task_run_name="plan {file}")
def plan_sweep(
    file: Path, data: Sequence[Location], truth: Path | None, seeds: Sequence[int] | None
) -> PlannedSweep:
    """Read everything that a sweep needs, so that bad input fails before long work.

    Args:
        seeds: In place of the file's own.
    """
    chosen, poses = check_sweep(file, data, truth, seeds)
    return PlannedSweep(file.stem, chosen, poses.digest)


@contextmanager
def tracked_sweep(planned: PlannedSweep) -> Iterator[str]:
    """Have the sweep's MLflow run for the block; go on with it where it was begun before.

    It is told by its name and its data: whoever adds a variant finds it in the same run.
    """
    known = _known_sweep(planned)
    with tracked_run(planned.name, known, experiment=EXPERIMENT) as run:
        mlflow.set_tags(_identity(planned))
        yield str(run.info.run_id)


@task(name="try-settings", task_run_name="{trial.name}")
def run_trial(trial: Trial, data: Sequence[Location], truth: Path | None, whole: str) -> Outcome:
    """Train a lifter and score it; of one that is trained already, only what is missing.

    A training that its health stops is an outcome like others.

    Args:
        truth: 3D truth to score against, if there is any. It decides nothing.
        whole: The sweep's MLflow run.
    """
    use_one_thread()
    poses = read_training_poses(data)
    trial_id = f"{training_id(poses, trial.config)}-{version('poselift')}"
    place = current_workspace().checkpoints / f"sweep-{trial_id}"
    try:
        with lock_checkpoints(place):
            if (run_id := _finished_trial(whole, trial_id)) is None:
                run_id = _train(trial, trial_id, poses, whole, place)
            clear(place)
    except SickTrainingError as error:
        return Outcome(trial, {}, sick=str(error))
    if truth is not None:
        _score(run_id, truth)
    metrics = connect().get_run(run_id).data.metrics
    return Outcome(trial, {name: metrics[name] for name in FIGURES if name in metrics})


@task(name="report-sweep")
def report_sweep(outcomes: Sequence[Outcome], title: str, out: Path | None) -> str:
    """Put table and figure into the current MLflow run, on the flow run's page and, if wanted, out.

    Returns:
        The table as Markdown.
    """
    rows = rows_of(outcomes)
    figure = sweep_figure(rows)
    table = sweep_markdown(outcomes)
    files = {
        CSV_FILE: sweep_csv(outcomes).encode(),
        MARKDOWN_FILE: table.encode(),
        FIGURE_FILE: png_bytes(figure),
    }
    with TemporaryDirectory() as temporary:
        for folder in (Path(temporary), *([out] if out else [])):
            for name, content in files.items():
                write_atomic(folder / name, content)
        mlflow.log_artifacts(temporary)
    mlflow.set_tag("mlflow.note.content", table)
    picture = Picture("means and seeds", png_bytes(figure, max_bytes=MAX_PICTURE_BYTES))
    show_sweep(table, picture, title=title)
    return table


def _train(trial: Trial, trial_id: str, poses: TrainingPoses, whole: str, place: Path) -> str:
    """Train to the end in a child run of the sweep's; return its id."""
    training = begun_training(poses, trial.config, place)
    tags = {PARENT_TAG: whole, "trial": trial_id, "variant": trial.variant}
    with recorded(place, experiment=EXPERIMENT, name=trial.name, tags=tags) as record:
        log_settings(record.journal, poses, trial.config)
        saver = Saver(training, place, record.journal)
        with kept_if_sick(saver):
            _advance(training, saver, record.journal)
        record.deliver()
        until_mlflow_answers(
            lambda: _store(training.lifter(), record.run_id), what="the trained lifter"
        )
        record.journal.end(WHOLE, "FINISHED")
        record.deliver()
    return record.run_id


def _advance(training: Training, saver: Saver, journal: Journal) -> None:
    """Train to the end; tell the curves, then the figures that the table wants."""
    with deferred_signals() as interrupted:
        seconds = stopwatch(journal, WHOLE)
        for report in saved_on_the_way(training.steps(), saver, interrupted):
            if is_logged(report):
                values = of_stage(report.stage, figures(report)) | {"seconds": next(seconds)}
                journal.log_metrics(WHOLE, values, report.step)
    saver.save()
    n_generators = training.config.gan.n_generators
    journal.log_metrics(WHOLE, _last_error(journal) | _judged(journal, n_generators), 0)


def _store(lifter: Lifter, run_id: str) -> None:
    with TemporaryDirectory() as folder:
        save_lifter(lifter, Path(folder))
        connect().log_artifacts(run_id, folder, _LIFTER)


def _last_error(journal: Journal) -> dict[str, float]:
    errors = [
        values["refine/joint_error"]
        for _, values in journal.history()
        if "refine/joint_error" in values
    ]
    latest = errors[-_LAST_ERRORS:]
    return {"joint_error": statistics.fmean(latest)} if latest else {}


def _judged(journal: Journal, n_generators: int) -> dict[str, float]:
    """Return the means of the generators' last health."""
    values = journal.last()
    return {
        name: statistics.fmean(
            values[f"gan_{number}/health/{name}"] for number in range(1, n_generators + 1)
        )
        for name in _JUDGED
    }


def _score(run_id: str, truth: Path) -> None:
    """Score a trained lifter on clean and noisy 2D, unless that was done before."""
    client, digest = connect(), hashlib.sha256(truth.read_bytes()).hexdigest()
    if client.get_run(run_id).data.tags.get(_TRUTH_TAG) == digest:
        return
    with TemporaryDirectory() as folder:
        lifter = str(download(f"runs:/{run_id}/{_LIFTER}", Path(folder)))
        clean, noisy = (
            score_lifter(truth, lifter, kind, adapt=False) for kind in ("clean", "noisy")
        )
    scores = {name: clean[name] for name in FIGURES if name in clean}
    scores["noisy_pa_mpjpe"] = noisy["pa_mpjpe"]
    mlflow.log_metrics(scores, run_id=run_id)
    client.set_tag(run_id, _TRUTH_TAG, digest)


def _known_sweep(planned: PlannedSweep) -> str | None:
    found = find_runs(EXPERIMENT, _identity(planned))
    return str(found[0].info.run_id) if found else None


def _identity(planned: PlannedSweep) -> dict[str, str]:
    return {"sweep": planned.name, "data_digest": planned.data_digest}


def _finished_trial(whole: str, trial_id: str) -> str | None:
    wanted = {PARENT_TAG: whole, "trial": trial_id}
    found = [run.info for run in find_runs(EXPERIMENT, wanted) if run.info.status == "FINISHED"]
    return str(found[0].run_id) if found else None
