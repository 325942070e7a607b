"""Trainings in processes of their own, which can be killed at any place."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest

from pose_lib.datasets.sample import sample_poses
from tasks import training_run
from tasks.mlflow_tracking import outbox
from tasks.mlflow_tracking.client import EXPERIMENT, PARENT_TAG, connect, find_runs
from tasks.runtime.progress import progress_to
from tasks.runtime.workspace import HOME_VARIABLE
from tasks.train import STAGES, train_lifter

DATA = [sample_poses()]


def killed_at(owner: Any, name: str, nth: int, *, after: bool) -> Callable[[], None]:
    """Return what makes this process kill itself at the nth call of ``owner.name``."""

    def arm() -> None:
        real, calls = getattr(owner, name), []

        def call(*arguments: Any, **options: Any) -> Any:
            calls.append(name)
            if len(calls) == nth and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*arguments, **options)
            if len(calls) == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, call)

    return arm


class Apart:
    """A training in a forked process, which saves and sends at every step."""

    def __init__(
        self, home: Path, config: Any, *, arm: Callable[[], None] = lambda: None, pause: float = 0
    ) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            _train_and_exit(home, config, arm, pause, writing)
        os.close(writing)
        self._steps = os.fdopen(reading, "rb", buffering=0)

    def wait_for_step(self, step: int) -> bool:
        """Return once so many steps are done here; whether there were so many."""
        return all(self._steps.read(1) for _ in range(step))

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def end(self) -> int:
        """Return the exit status, negative for a signal."""
        while self._steps.read(1000):
            pass
        self._steps.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _train_and_exit(
    home: Path, config: Any, arm: Callable[[], None], pause: float, writing: int
) -> None:
    status = 1
    try:
        os.environ[HOME_VARIABLE] = str(home)
        training_run.CHECKPOINT_SECONDS, outbox.SEND_SECONDS = 0, 0.05
        signal.signal(signal.SIGINT, signal.default_int_handler)
        arm()

        def step(progress: Any) -> None:
            os.write(writing, b".")
            time.sleep(pause)

        with progress_to(step):
            train_lifter.fn(DATA, config)
        status = 0
    except KeyboardInterrupt:
        status = 130
    finally:
        os._exit(status)


@dataclass(frozen=True)
class Told:
    """What MLflow and the registry have of all trainings of a working folder.

    Attributes:
        points: Every point of every curve but the clocks', by run and name, in MLflow's order.
    """

    statuses: dict[str, str]
    points: dict[tuple[str, str], list[tuple[int, float]]]
    params: dict[str, str]
    versions: list[bytes]


def told(home: Path, folder: Path, server: str = "") -> Told:
    """Read it back, from the working folder's own database if there is no server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(home))
        patch.setenv("MLFLOW_TRACKING_URI", server)
        client = connect()
        (whole,) = find_runs(EXPERIMENT, {"training": run_tag(client)})
        runs = [whole, *find_runs(STAGES, {PARENT_TAG: whole.info.run_id})]
        return Told(
            {run.info.run_name: run.info.status for run in runs},
            {
                (run.info.run_name, name): [
                    (point.step, point.value)
                    for point in client.get_metric_history(run.info.run_id, name)
                ]
                for run in runs
                for name in run.data.metrics
                if not name.endswith("seconds")
            },
            dict(whole.data.params),
            [_lifter_bytes(number, folder) for number in _versions(client)],
        )


def run_tag(client: Any) -> str:
    """Return the tag that all runs of this working folder's only training have."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    (tag,) = {run.data.tags["training"] for run in client.search_runs([experiment.experiment_id])}
    return str(tag)


def _versions(client: Any) -> list[int]:
    return sorted(int(made.version) for made in client.search_model_versions())


def _lifter_bytes(number: int, folder: Path) -> bytes:
    place = folder / str(number)
    place.mkdir(parents=True)
    mlflow.artifacts.download_artifacts(f"models:/pose-lifter/{number}", dst_path=str(place))
    (lifter,) = place.rglob("lifter.safetensors")
    return lifter.read_bytes() + (lifter.parent / "lifter.json").read_bytes()
