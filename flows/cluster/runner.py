"""Where shards run: the one module that names Dask.

How many workers there are changes where the work runs, not what comes out, so it is set by the
environment and not by a flow's parameters:

``POSELIFT_CLUSTER``  a TOML file that says how workers are started (``deployments/clusters``), or
                      the address of a running scheduler such as ``tcp://10.0.0.7:8786``, or
                      ``local``, the default: workers on this machine
``POSELIFT_WORKERS``  worker processes of the local cluster; by default one where there is a
                      GPU, which has processes of its own for each core, else one per core

``POSELIFT_DASK_ADDRESS`` names a running scheduler too, where ``POSELIFT_CLUSTER`` is not set.
"""

import contextlib
import contextvars
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import dask.config
from distributed import (
    Client,
    KilledWorker,
    LocalCluster,
    Scheduler,
    SSHCluster,
    Worker,
    WorkerPlugin,
)
from distributed.client import FutureCancelledError
from distributed.comm import CommClosedError
from distributed.core import Status
from distributed.deploy import Cluster, SpecCluster
from prefect.task_runners import TaskRunner
from prefect_dask import DaskTaskRunner
from tornado.ioloop import PeriodicCallback

from flows.cluster.settings import ClusterSettings, cluster_class, read_cluster
from flows.local.servers import OFFLINE, QUIET
from pose_lib.errors import InputError, RunFailedError
from pose_lib.processes.host import usable_cores
from tasks.runtime.progress import tell
from tasks.runtime.retries import connect_with_retries
from tasks.runtime.workspace import HOME_VARIABLE, current_workspace

CLUSTER_VARIABLE = "POSELIFT_CLUSTER"
WORKERS_VARIABLE = "POSELIFT_WORKERS"
LOCAL = "local"

KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "1000000000", "MALLOC_MMAP_THRESHOLD_": "33554432"}
"""Workers keep the memory of one image for the next, up to some 100 MB. Dask's own default gives it
back to the system at once, and the network then spends nearly half its time on page faults."""

MEMORY_BOUND = {
    "distributed.worker.memory.terminate": 0.95,
    **{f"distributed.worker.memory.{step}": False for step in ("target", "spill", "pause")},
}
"""A worker that outgrows its share of memory is ended and started again, and its shard goes on.

The milder steps are off: tasks return a number, so there is nothing to spill, and a worker that
keeps its memory would stay paused for ever."""

NO_DIAGNOSTICS = {
    "distributed.worker.profile.enabled": False,  # of all threads, every 10 ms
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.system-monitor.gil.enabled": False,
}
"""What nobody looks at here took a worker 6 to 7 % of its processor, and 3 % while it waited."""

MOST_DEATHS = 100
"""So many workers may die of one shard before the run is given up.

Dask's own 3 are soon reached where machines come and go. A shard that is begun again goes on where
it was, so deaths from outside end by themselves; a shard that kills each worker at once, as where
the network does not fit into memory, is given up after some minutes."""

CONNECT_SECONDS = 15.0

RETURN_SECONDS = 120.0
"""A worker that died is given so long to be there again, started anew by its keeper.

With Dask's own 15 s, a busy machine whose workers take longer to start loses one after the other
for good, and in the end all."""

STARVED_SECONDS = 30.0
"""So long a run without workers keeps silent about it."""

_LOOK_SECONDS = 5.0

_THIS_MACHINE = {"127.0.0.1", "localhost", "[::1]"}

_SETTINGS = {
    "distributed.nanny.pre-spawn-environ": KEEP_MEMORY,
    **MEMORY_BOUND,
    **NO_DIAGNOSTICS,
}


def dask_runner() -> TaskRunner[Any]:
    """Run tasks on the workers that are set when a flow first needs some."""
    as_cluster: Any = _workers  # a context of what a client connects to is all that is asked for
    return DaskTaskRunner(cluster_class=as_cluster)


@contextlib.contextmanager
def workers_ahead() -> Iterator[None]:
    """Start workers in the background, for the first flow in the block that needs some.

    They take seconds to import what they need, in which other things can start too. Workers that
    were started so, and that no flow needed yet, are not started twice.

    Raises:
        InputError: If the cluster's settings are wrong.
        RunFailedError: If the workers or their scheduler were lost for good inside the block.
    """
    if _ahead:
        yield
        return
    start = _starter()
    with ThreadPoolExecutor(max_workers=1) as background:
        _ahead.append(background.submit(start))
        try:
            yield
        except (KilledWorker, FutureCancelledError, CommClosedError) as error:
            raise RunFailedError(_explanation(error)) from error
        finally:
            while _ahead:  # no flow wanted them
                _ahead.pop().result().close()


def local_workers_ahead() -> contextlib.AbstractContextManager[None]:
    """Start local workers in the background; those of queues only once there is work for them."""
    return workers_ahead() if _place() == LOCAL else contextlib.nullcontext()


@dataclass(frozen=True)
class _Running:
    """A scheduler that can be used, and how it ends when it is used no more."""

    scheduler: str | Cluster
    close: Callable[[], None] = lambda: None


_ahead: list[Future[_Running]] = []


@contextlib.contextmanager
def _workers() -> Iterator[str | Cluster]:
    """Give what a Dask client connects to, made ready for a run."""
    running = _ahead.pop().result() if _ahead else _starter()()
    with (
        contextlib.closing(running),
        contextlib.closing(_client(running.scheduler)) as client,
    ):
        client.run_on_scheduler(_outlast_deaths)
        client.register_plugin(WorkerEnvironment())
        with _starvation_told(client):
            yield running.scheduler
        with contextlib.suppress(OSError):  # if the scheduler is gone, so are its workers
            client.unregister_worker_plugin(WorkerEnvironment.name)


@contextlib.contextmanager
def _starvation_told(client: Client) -> Iterator[None]:
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
                tell(f"no Dask worker is there ({_place()}); the work waits until one comes")
            was_starving = is_starving


def _is_starving(dask_scheduler: Scheduler) -> bool:
    return bool(dask_scheduler.tasks) and not dask_scheduler.workers


def _place() -> str:
    return os.environ.get(CLUSTER_VARIABLE) or os.environ.get("POSELIFT_DASK_ADDRESS") or LOCAL


def _starter() -> Callable[[], _Running]:
    """Return what starts the workers that are set; what is wrong with the setting shows here."""
    place = _place()
    if place == LOCAL:
        return lambda: _closable(local_cluster())
    if "://" in place:
        _client(place).close()
        return lambda: _Running(place)
    settings = read_cluster(Path(place))
    make = cluster_class(settings, _starts_a_cluster, where=place)
    return lambda: _closable(_configured_cluster(settings, make))


def _closable(cluster: Cluster) -> _Running:
    if isinstance(cluster, SpecCluster):
        _replace_what_is_lost(cluster)
    return _Running(cluster, cluster.close)


def _replace_what_is_lost(cluster: SpecCluster) -> None:
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
    cluster.periodic_callbacks["replace-what-is-lost"] = watch
    if loop := cluster.loop:  # always, once a cluster has started
        loop.add_callback(watch.start)


def _client(scheduler: str | Cluster) -> Client:
    try:
        return Client(scheduler, set_as_default=False, timeout=CONNECT_SECONDS)
    except OSError as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler}; start one with `dask scheduler`, or name "
            f"another place for the workers by --cluster or {CLUSTER_VARIABLE}"
        ) from error


def _starts_a_cluster(found: Any) -> bool:
    return found is SSHCluster or (isinstance(found, type) and issubclass(found, Cluster))


def _configured_cluster(settings: ClusterSettings, make: Callable[..., Cluster]) -> Cluster:
    for handler in logging.getLogger("distributed").handlers:
        handler.setLevel(logging.CRITICAL)  # what a job or a remote machine prints is no news
    try:
        with _children_deaf_to_ctrl_c(), dask.config.set(_SETTINGS):
            cluster = make(**settings.options)
        if settings.workers is not None:
            cluster.scale(settings.workers)
        if settings.maximum is not None:
            cluster.adapt(minimum=settings.minimum or 0, maximum=settings.maximum)
    except Exception as error:  # whatever another package finds wrong
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise RunFailedError(f"{settings.cluster} could not be started: {reason}") from error
    return cluster


def local_cluster() -> LocalCluster:
    """Start one single-threaded worker process per core, all on the loopback address."""
    n_workers = _local_count()
    with _children_deaf_to_ctrl_c(), dask.config.set(_SETTINGS):
        return LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,  # the network runs best with one thread per process
            memory_limit=1 / n_workers,  # of this machine's; by default it goes by cores
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # None would listen on all interfaces
            silence_logs=50,
            preload=["tasks.extract"],  # and with it all that takes long to import
        )


def worker_count() -> int:
    """Return how many workers to plan for.

    Raises:
        InputError: If the number or the cluster that is set is no such thing.
    """
    place = _place()
    if place == LOCAL:
        return _local_count()
    if "://" in place:
        with contextlib.closing(_client(place)) as client:
            there = len(client.scheduler_info(n_workers=-1)["workers"])
    else:
        there = read_cluster(Path(place)).planned_workers or 0
    return there or _local_count()  # those that will come are not known yet


def workers_elsewhere() -> bool:
    """Tell whether the workers are, or may be, on other machines.

    Raises:
        InputError: If the cluster's file is wrong.
    """
    place = _place()
    if place == LOCAL:
        return False
    if "://" in place:
        hosts = [place.partition("://")[2].rpartition(":")[0]]
    else:
        settings = read_cluster(Path(place))
        if settings.cluster.endswith(".LocalCluster"):
            return False
        hosts = settings.options.get("hosts", ["of a queue or the like"])
    return not set(hosts) <= _THIS_MACHINE


def _local_count() -> int:
    setting = os.environ.get(WORKERS_VARIABLE, "")
    if not setting:
        from pose_lib.openpose.engine import gpu_is_here  # takes a second to import

        return 1 if gpu_is_here() else usable_cores()
    if not setting.isdecimal() or int(setting) < 1:
        msg = f"{WORKERS_VARIABLE} must be a whole number of at least 1, got {setting!r}"
        raise InputError(msg)
    return int(setting)


def _outlast_deaths(dask_scheduler: Scheduler) -> None:
    dask_scheduler.allowed_failures = max(dask_scheduler.allowed_failures, MOST_DEATHS)


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


def _explanation(error: Exception) -> str:
    if isinstance(error, KilledWorker):
        return (
            f"{MOST_DEATHS} workers died in turn of one piece of work, the last at "
            f"{error.last_worker.address}; see its log, and give it more memory"
        )
    return (
        "the connection to the Dask scheduler is lost, it was ended or cannot be reached; run the "
        "same command again to go on"
    )


@contextlib.contextmanager
def _children_deaf_to_ctrl_c() -> Iterator[None]:
    """Keep SIGINT from all threads made in the block, and from all processes that these start.

    A terminal sends it to workers too, which print tracebacks; only the run should act on it.
    """
    resource_tracker.ensure_running()  # else its start would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
