"""What surrounds a command that runs a flow: a Prefect API, workers and progress bars."""

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

from flows.cluster.placement import CLUSTER_VARIABLE, WORKERS_VARIABLE, workers_elsewhere
from flows.console import progress_bars
from flows.local.orphaned_runs import crash_orphaned_runs, noted_runs
from flows.local.servers import configured_api, prefect_api
from pose_lib.errors import InputError
from tasks.runtime.progress import report_progress
from tasks.runtime.workspace import current_workspace


@contextlib.contextmanager
def session(
    meanwhile: contextlib.AbstractContextManager[None] = contextlib.nullcontext(),  # noqa: B008
) -> Iterator[None]:
    """Have a Prefect API and progress bars for the block.

    Args:
        meanwhile: Entered while the API may still be starting.
    """
    workspace = current_workspace()
    with progress_bars(), _ended_like_ctrl_c(signal.SIGTERM, signal.SIGHUP):
        report_progress("start", 0, 1, "Prefect API")
        with prefect_api(workspace, meanwhile) as url:
            crash_orphaned_runs(workspace.running)
            report_progress("start", 1, 1, url)
            with noted_runs(workspace.running):
                yield


@contextlib.contextmanager
def session_with_workers(
    n_workers: int | None = None, cluster: str | None = None
) -> Iterator[None]:
    """Have Dask's workers too, for a block that looks for people in images.

    Args:
        n_workers: Local worker processes; the environment's or the default number if None.
        cluster: Where the workers are, as ``flows.cluster.placement`` reads it; as set by the
            environment if None.
    """
    if n_workers is not None:
        os.environ[WORKERS_VARIABLE] = str(n_workers)
    if cluster is not None:
        os.environ[CLUSTER_VARIABLE] = cluster
    if workers_elsewhere() and configured_api() is None:
        raise InputError(
            "workers on other machines cannot reach the Prefect server that a run starts for "
            "itself on this one; name one that they can reach in PREFECT_API_URL"
        )
    from flows.cluster.runner import workers_ahead  # imports Dask

    with session(workers_ahead()):
        yield


@contextlib.contextmanager
def _ended_like_ctrl_c(*signals: signal.Signals) -> Iterator[None]:
    """Have the signals end the block by an exception, so that nothing is left behind.

    Those that the process ignores, as SIGHUP under ``nohup``, it still does.
    """

    def end(number: int, _: Any) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    heard = [number for number in signals if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
