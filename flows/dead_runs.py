"""Runs that nobody ends: for Prefect they would stay Running for ever.

Each process notes its flow runs in a file of its own in the working folder, which goes with it. A
file whose process is gone lists runs that nobody ended; the next process that starts there does.
And a process that does not reach its end says so of the tasks that its workers were at.
"""

import contextlib
import logging
import os
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any
from uuid import UUID

from pose_lib.machine import machine_id, process_start
from tasks.workspace import make_folder

_KILLED = "its process was killed; the next run of the same command goes on"
_CUT_SHORT = "its flow run ended before; the next run of the same command goes on"


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
    except BaseException:
        with contextlib.suppress(Exception):  # the first error is the one to tell
            _crash(handler.runs, _CUT_SHORT)
        raise
    finally:
        logger.removeHandler(handler)
        note.unlink(missing_ok=True)


def crash_dead_runs(folder: Path) -> None:
    """Set the runs noted by processes that are gone to Crashed, with what belongs to them."""
    notes = [note for note in folder.glob(f"{machine_id()}.*.*") if _is_left_over(note)]
    _crash({UUID(line) for note in notes for line in note.read_text().split("\n")[:-1]}, _KILLED)
    for note in notes:
        note.unlink(missing_ok=True)


class _Noter(logging.Handler):
    """Writes down the id of each flow run that logs something, as all do when they begin."""

    def __init__(self, note: Path) -> None:
        super().__init__()
        self._note = note
        self.runs: set[UUID] = set()

    def emit(self, record: logging.LogRecord) -> None:
        run = getattr(record, "flow_run_id", None)
        if run and UUID(str(run)) not in self.runs:
            self.runs.add(UUID(str(run)))
            with self._note.open("a") as file:
                file.write(f"{run}\n")


def _is_left_over(note: Path) -> bool:
    _, pid, start = note.name.split(".")
    return process_start(int(pid)) != start


def _crash(runs: Set[UUID], why: str) -> None:
    """Set what is unfinished of the runs, of those inside them and of their tasks to Crashed."""
    if not runs:
        return
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
    from prefect.client.schemas.objects import State
    from prefect.states import Crashed

    unfinished = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING", "SCHEDULED"]}}}
    these, inside = {"id": {"any_": [*runs]}}, {"parent_flow_run_id": {"any_": [*runs]}}
    crashed: State[Any] = Crashed(message=why)
    with get_client(sync_client=True) as client:
        tasks = TaskRunFilter.model_validate({"flow_run_id": {"any_": [*runs]}, **unfinished})
        for task in client.read_task_runs(task_run_filter=tasks):
            client.set_task_run_state(task.id, crashed, force=True)
        for which in (inside, these):
            flows = FlowRunFilter.model_validate({**which, **unfinished})
            for run in client.read_flow_runs(flow_run_filter=flows):
                client.set_flow_run_state(run.id, crashed, force=True)
