"""What keeps workers as they should be: alive, told of the run's settings, and noticed if none."""

import contextlib
import contextvars
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker

import dask.config
from distributed import Client, Scheduler, Worker, WorkerPlugin
from distributed.core import Status
from distributed.deploy import SpecCluster
from tornado.ioloop import PeriodicCallback

from flows.cluster.placement import workers_place
from flows.local.servers import OFFLINE, QUIET
from tasks.runtime.progress import tell
from tasks.runtime.retries import connect_with_retries
from tasks.runtime.workspace import HOME_VARIABLE, current_workspace

RETURN_SECONDS = 120.0
"""A worker that died is given so long to be there again, started anew by its keeper.

With Dask's own 15 s, a busy machine whose workers take longer to start loses one after the other
for good, and in the end all."""

STARVED_SECONDS = 30.0
"""So long a run without workers keeps silent about it."""

_LOOK_SECONDS = 5.0


@contextlib.contextmanager
def starvation_told(client: Client) -> Iterator[None]:
    """Tell people when work waits for workers, which a queue may let it do for hours."""
    over, context = threading.Event(), contextvars.copy_context()
    watch = (_tell_of_starvation, client, over)
    threading.Thread(target=context.run, args=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _tell_of_starvation(client: Client, over: threading.Event) -> None:
    was_starving = False
    with contextlib.suppress(Exception):  # the scheduler is gone, which the run finds by itself
        while not over.wait(STARVED_SECONDS):
            is_starving = client.run_on_scheduler(_is_starving)
            if is_starving and not was_starving:
                tell(f"no Dask worker is there ({workers_place()}); the work waits until one comes")
            was_starving = is_starving


def _is_starving(dask_scheduler: Scheduler) -> bool:
    return bool(dask_scheduler.tasks) and not dask_scheduler.workers


def replace_lost_workers(cluster: SpecCluster) -> None:
    """Start new workers for those that are lost for good, from now on; Dask does so at no time.

    Lost is one whose keeper ended, as it does if the first process dies while it still starts.
    """
    dask.config.set({"distributed.deploy.lost-worker-timeout": f"{RETURN_SECONDS} s"})

    def look() -> None:
        if cluster.status != Status.running:
            return
        for name, keeper in list(cluster.workers.items()):
            if keeper.status in (Status.closed, Status.failed):
                del cluster.workers[name]
        if set(cluster.worker_spec) - set(cluster.workers):
            cluster.scale(len(cluster.worker_spec))

    watch = PeriodicCallback(look, 1000 * _LOOK_SECONDS)
    cluster.periodic_callbacks["replace-lost-workers"] = watch
    if loop := cluster.loop:  # always, once a cluster has started
        loop.add_callback(watch.start)


class WorkerEnvironment(WorkerPlugin):
    """Gives each worker, those that come late too, the working folder and settings of the run."""

    name = "poselift"

    def __init__(self) -> None:
        names = (HOME_VARIABLE, "MLFLOW_TRACKING_URI", *OFFLINE, *QUIET)
        self._variables = {name: os.environ[name] for name in names if name in os.environ}
        self._variables[HOME_VARIABLE] = str(current_workspace().home)
        self._before: dict[str, str | None] = {}

    def setup(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's form
        self._before = {name: os.environ.get(name) for name in self._variables}
        os.environ.update(self._variables)
        connect_with_retries()

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's form
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def children_ignore_ctrl_c() -> Iterator[None]:
    """Keep SIGINT from all threads made in the block, and from all processes that these start.

    A terminal sends it to workers too, which print tracebacks; only the run should act on it.
    """
    resource_tracker.ensure_running()  # else its start would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
