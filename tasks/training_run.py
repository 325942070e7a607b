"""A training on its way: begun or gone on with, saved now and then, and told to MLflow.

What an ordinary training and a sweep's many have in common.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowException

from pose_lib.config import config_table
from pose_lib.errors import InputError, RunFailedError, TrainingDivergedError
from pose_lib.lifting.files.checkpoint import (
    CHECKPOINT_SCHEMA,
    load_checkpoints,
    save_checkpoint,
)
from pose_lib.lifting.training.config import TrainConfig
from pose_lib.lifting.training.train import StepReport, Training, deciding_settings
from pose_lib.training_data import TrainingPoses
from tasks.mlflow_tracking.checkpoint_folder import clear, is_begun
from tasks.mlflow_tracking.client import unanswered, until_mlflow_answers
from tasks.mlflow_tracking.journal import JOURNAL_FILE, WHOLE, Journal
from tasks.mlflow_tracking.outbox import Sender
from tasks.runtime.progress import tell

CHECKPOINT_SECONDS = 30.0
LOGGED_POINTS = 300
"""Points of all curves together in MLflow, whatever the number of steps."""

DIVERGED_TAG = "diverged"


@dataclass(frozen=True)
class Record:
    """What becomes of a training, and its way to MLflow."""

    journal: Journal
    sender: Sender

    @property
    def run_id(self) -> str:
        """MLflow's id of the whole training's run."""
        return self.sender.run_id()

    def deliver(self) -> None:
        """Return once MLflow has all that was told so far.

        Raises:
            RunFailedError: If it does not in the time given; nothing is lost.
        """
        self.journal.sync()
        if self.journal.trouble:
            raise RunFailedError(
                f"cannot write {self.journal.path}: {self.journal.trouble}; make room and run the "
                "same command again: it goes on from its checkpoint"
            )
        until_mlflow_answers(
            self.sender.send, what=f"{self.sender.n_unsent} entries of {self.journal.path}"
        )


def training_id(poses: TrainingPoses, config: TrainConfig) -> str:
    """Return the same short name for the same poses and settings, and no other's."""
    told = json.dumps(
        [CHECKPOINT_SCHEMA, poses.digest, poses.counts, deciding_settings(config)], sort_keys=True
    )
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def begun_training(poses: TrainingPoses, config: TrainConfig, place: Path) -> Training:
    """Return the training as its latest whole checkpoint has it, new where there is none."""
    told: list[str] = []
    if not is_begun(place):  # what lies there was finished with
        clear(place)
    for checkpoint in load_checkpoints(place, told.append):
        try:
            training = Training.restore(poses.poses, config, checkpoint, poses.counts)
            break
        except (InputError, RuntimeError, LookupError, TypeError, ValueError) as error:
            told.append(f"a checkpoint in {place} does not fit ({str(error).splitlines()[0]})")
    else:
        training = Training.start(poses.poses, config, poses.counts)
    for line in told:
        tell(f"{line}; the training goes on from step {training.step}")
    return training


@contextmanager
def recorded(
    place: Path, *, experiment: str, name: str, tags: Mapping[str, str]
) -> Iterator[Record]:
    """Have the journal of a training for the block, and what it says on its way to MLflow.

    Of a training without hope nothing is kept: other settings are another training.

    Raises:
        InputError: If MLflow does not answer at the beginning; later is no matter.
    """
    journal = Journal(place / JOURNAL_FILE)
    try:
        journal.begin(WHOLE, experiment=experiment, name=name, tags=tags, within=None)
        record = Record(journal, _first_sent(journal))
        with record.sender.sending(), told_how_it_ends(journal, WHOLE):
            yield record
    except TrainingDivergedError as error:
        if error.hopeless and not record.sender.n_unsent:
            clear(place)
        raise
    finally:
        journal.close()


def log_settings(journal: Journal, poses: TrainingPoses, config: TrainConfig) -> None:
    """Tell what the training is made of, unless that was told before."""
    if journal.has_params(WHOLE):
        return
    journal.log_text(WHOLE, "config.json", json.dumps(config_table(config), indent=2))
    journal.tag(WHOLE, {"data_digest": poses.digest, "data": json.dumps(poses.sources)})
    journal.log_params(WHOLE, _flat(deciding_settings(config)))


@contextmanager
def told_how_it_ends(journal: Journal, run: str) -> Iterator[None]:
    """Tell of a run that it failed or was killed, where that happens in this block; and why."""
    journal.tag(run, {DIVERGED_TAG: ""})  # it may go on from an earlier stop
    try:
        yield
    except BaseException as error:
        if isinstance(error, TrainingDivergedError):
            journal.tag(run, {DIVERGED_TAG: str(error)})
        journal.end(run, "FAILED" if isinstance(error, Exception) else "KILLED")
        raise


class Saver:
    """Saves a training's checkpoints, as well as the disk allows."""

    def __init__(self, training: Training, place: Path, journal: Journal) -> None:
        self._training, self._place, self._journal = training, place, journal
        self._saved_step = training.step
        self._time = time.monotonic()
        self._in_trouble = False

    def save(self) -> None:
        """Save the training as it is now; where that fails, say so once and let it go on."""
        self._journal.sync()  # a checkpoint must not know more than the journal
        try:
            save_checkpoint(self._training.checkpoint(), self._place)
        except InputError as error:
            if not self._in_trouble:
                tell(
                    f"{error}; the training goes on, but an interruption would take it back to "
                    f"step {self._saved_step}"
                )
            self._in_trouble = True
        else:
            self._in_trouble, self._saved_step = False, self._training.step
        self._time = time.monotonic()

    def save_if_due(self) -> None:
        """Save if the last time was half a minute ago."""
        if time.monotonic() - self._time > CHECKPOINT_SECONDS:
            self.save()


def saved_on_the_way(
    reports: Iterable[StepReport], saver: Saver, interrupted: Callable[[], bool]
) -> Iterator[StepReport]:
    """Pass reports on and save now and then; save and end with the step of an interruption."""
    for report in reports:
        yield report
        if interrupted():
            saver.save()
            tell(f"stopped at step {report.step}; the same command goes on from there")
            return
        saver.save_if_due()


@contextmanager
def kept_if_diverged(saver: Saver) -> Iterator[None]:
    """Keep the checkpoint of a training that its diagnostics stop in this block.

    Under the same limits it would stop at once again; under others it goes on.
    """
    try:
        yield
    except TrainingDivergedError as error:
        if not error.hopeless:
            saver.save()
        raise


def stopwatch(journal: Journal, run: str) -> Iterator[float]:
    """Yield the seconds until now, with those that the run took before an interruption."""
    before = journal.last(run).get("seconds", 0.0)
    start = time.monotonic()
    while True:
        yield before + time.monotonic() - start


def is_logged(report: StepReport) -> bool:
    """Tell whether a step is one of those that MLflow hears of."""
    every = max(1, report.total_steps // LOGGED_POINTS)
    is_last = report.step == report.total_steps
    return report.step % every == 0 or is_last or report.diagnostics is not None


def figures(report: StepReport) -> dict[str, float]:
    """Return the losses of a step, and the diagnostics where it was checked."""
    diagnostics = report.diagnostics.figures if report.diagnostics else {}
    return report.losses | {f"diagnostics/{name}": value for name, value in diagnostics.items()}


def of_stage(stage: str, values: dict[str, float]) -> dict[str, float]:
    """Name values as of a stage: ``gan_1/generator_loss``."""
    return {f"{stage.replace(' ', '_')}/{name}": value for name, value in values.items()}


def _first_sent(journal: Journal) -> Sender:
    """Send the beginning of a training while nothing else is lost if that fails."""
    try:
        sender = Sender(journal)
        sender.send()
    except (MlflowException, OSError) as error:
        raise unanswered(error) from error
    return sender


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        nested = isinstance(value, dict)
        flat |= _flat(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value}
    return flat
