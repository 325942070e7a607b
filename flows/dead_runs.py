"""Flow runs whose process was killed: for Prefect they would stay Running for ever.

Each process notes its flow runs in a file of its own in the working folder, which goes with it. A
file whose process is gone lists runs that nobody ended; the next process that starts there does.
"""

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from pose_lib.machine import machine_id, process_start
from tasks.workspace import make_folder

_ENDED = "its process was killed; the next run of the same command goes on"


@contextlib.contextmanager
def noted_runs(folder: Path) -> Iterator[None]:
    """Note the flow runs that begin in this process inside the block."""
    make_folder(folder)
    note = folder / f"{machine_id()}.{os.getpid()}.{process_start(os.getpid())}"
    note.touch()
    logger, handler = logging.getLogger("prefect.flow_runs"), _Noter(note)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        note.unlink(missing_ok=True)


def crash_dead_runs(folder: Path) -> None:
    """Set the runs noted by processes that are gone to Crashed, with what belongs to them."""
    notes = [note for note in folder.glob(f"{machine_id()}.*.*") if _is_left_over(note)]
    runs = {UUID(line) for note in notes for line in note.read_text().split("\n")[:-1]}
    if runs:
        _crash(sorted(runs))
    for note in notes:
        note.unlink(missing_ok=True)


class _Noter(logging.Handler):
    """Writes down the id of each flow run that logs something, as all do when they begin."""

    def __init__(self, note: Path) -> None:
        super().__init__()
        self._note = note
        self._seen: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        run = str(getattr(record, "flow_run_id", ""))
        if run and run not in self._seen:
            self._seen.add(run)
            with self._note.open("a") as file:
                file.write(f"{run}\n")


def _is_left_over(note: Path) -> bool:
    _, pid, start = note.name.split(".")
    return process_start(int(pid)) != start


def _crash(runs: Sequence[UUID]) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
    from prefect.client.schemas.objects import State
    from prefect.states import Crashed

    unfinished = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING", "SCHEDULED"]}}}
    these, inside = {"id": {"any_": runs}}, {"parent_flow_run_id": {"any_": runs}}
    crashed: State[Any] = Crashed(message=_ENDED)
    with get_client(sync_client=True) as client:
        tasks = TaskRunFilter.model_validate({"flow_run_id": {"any_": runs}, **unfinished})
        for task in client.read_task_runs(task_run_filter=tasks):
            client.set_task_run_state(task.id, crashed, force=True)
        for which in (inside, these):
            flows = FlowRunFilter.model_validate({**which, **unfinished})
            for run in client.read_flow_runs(flow_run_filter=flows):
                client.set_flow_run_state(run.id, crashed, force=True)
