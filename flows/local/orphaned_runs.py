"""Runs that nobody ends: for Prefect they would stay Running for ever.

Each process notes its flow runs in a file of its own in the working folder, which goes with it. A
file whose process is gone lists runs that nobody ended; the next process that starts there does.
And a process that does not reach its end says so of the tasks that its workers were at.
"""

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pose_lib.processes.host import machine_id, process_start
from tasks.runtime.workspace import make_folder

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import State, TaskRun

_KILLED = "its process was killed; the next run of the same command goes on"
_CUT_SHORT = "its flow run ended before; the next run of the same command goes on"
_UNHEARD = "its flow run took the result; the report was lost with a Prefect server that was killed"

SETTLE_SECONDS = 2.0
"""The server is given so long to write down the last reports; it takes a fraction of a second.

Longer only where a run is cut short, or its server was killed."""


@contextlib.contextmanager
def noted_runs(folder: Path) -> Iterator[None]:
    """Note the flow runs that begin in this process inside the block."""
    import prefect.main  # noqa: F401 - it makes all loggers anew, without the handlers that were there

    make_folder(folder)
    note = folder / f"{machine_id()}.{os.getpid()}.{process_start(os.getpid())}"
    note.touch()
    logger, handler = logging.getLogger("prefect.flow_runs"), _Noter(note)
    logger.addHandler(handler)
    ended_well = False
    try:
        yield
        ended_well = True
    finally:
        logger.removeHandler(handler)
        if handler.runs:
            with contextlib.suppress(Exception):  # how the block ended is what matters
                _end_tasks(handler.runs, ended_well=ended_well)
        note.unlink(missing_ok=True)


def crash_orphaned_runs(folder: Path) -> None:
    """Set the runs noted by processes that are gone to Crashed, with what belongs to them."""
    notes = [note for note in folder.glob(f"{machine_id()}.*.*") if _is_left_over(note)]
    if runs := {run for note in notes for run in _runs_in(note)}:
        _crash(runs)
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


def _runs_in(note: Path) -> Iterator[UUID]:
    """Yield the runs that are noted, but for those of which a death has torn the line."""
    with contextlib.suppress(FileNotFoundError):  # another process, which starts too, was quicker
        for line in note.read_text(errors="replace").split("\n"):
            with contextlib.suppress(ValueError):
                yield UUID(line)


def _crash(runs: Set[UUID]) -> None:
    """Set what is unfinished of the runs, of those inside them and of their tasks to Crashed."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.states import Crashed

    ids = {"any_": [*runs]}
    with get_client(sync_client=True) as client:
        _set_tasks(client, runs, Crashed(message=_KILLED))
        for which in ({"parent_flow_run_id": ids}, {"id": ids}):
            flows = FlowRunFilter.model_validate(which | _UNFINISHED)
            for run in client.read_flow_runs(flow_run_filter=flows):
                client.set_flow_run_state(run.id, Crashed(message=_KILLED), force=True)


def _end_tasks(runs: Set[UUID], *, ended_well: bool) -> None:
    """End tasks that are unfinished after the end of their runs.

    Those of a run that ended well were done, for it took their results: a server takes reports
    before it writes them down, and one that is killed forgets the last ones.
    """
    from prefect.client.orchestration import get_client
    from prefect.events.worker import EventsWorker
    from prefect.states import Completed, Crashed

    EventsWorker.drain_all(timeout=10)
    deadline = time.monotonic() + SETTLE_SECONDS
    with get_client(sync_client=True) as client:
        while _unfinished_tasks(client, runs) and time.monotonic() < deadline:
            time.sleep(0.1)
        end: State[Any] = Completed(message=_UNHEARD) if ended_well else Crashed(message=_CUT_SHORT)
        _set_tasks(client, runs, end)


_UNFINISHED = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING", "SCHEDULED"]}}}


def _set_tasks(client: "SyncPrefectClient", runs: Set[UUID], state: "State[Any]") -> None:
    done: set[UUID] = set()
    while tasks := [task for task in _unfinished_tasks(client, runs) if task.id not in done]:
        for task in tasks:
            client.set_task_run_state(task.id, state, force=True)
            done.add(task.id)


def _unfinished_tasks(client: "SyncPrefectClient", runs: Set[UUID]) -> "list[TaskRun]":
    """Return the first 200 of them."""
    from prefect.client.schemas.filters import TaskRunFilter

    inside = {"flow_run_id": {"any_": [*runs]}}
    return client.read_task_runs(task_run_filter=TaskRunFilter.model_validate(inside | _UNFINISHED))
