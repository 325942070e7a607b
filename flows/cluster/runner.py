"""Dask: the workers that are set by the environment, ready for a run and closed after it."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.config
from distributed import Client, KilledWorker, LocalCluster, Scheduler, SSHCluster
from distributed.client import FutureCancelledError
from distributed.comm import CommClosedError
from distributed.deploy import Cluster, SpecCluster
from prefect.task_runners import TaskRunner
from prefect_dask import DaskTaskRunner

from flows.cluster.placement import CLUSTER_VARIABLE, LOCAL, local_count, workers_place
from flows.cluster.settings import ClusterSettings, cluster_class, read_cluster
from flows.cluster.workers import (
    WorkerEnvironment,
    children_ignore_ctrl_c,
    replace_lost_workers,
    starvation_told,
)
from pose_lib.errors import InputError, RunFailedError

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
    return workers_ahead() if workers_place() == LOCAL else contextlib.nullcontext()


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
        with starvation_told(client):
            yield running.scheduler
        with contextlib.suppress(OSError):  # if the scheduler is gone, so are its workers
            client.unregister_worker_plugin(WorkerEnvironment.name)


def _starter() -> Callable[[], _Running]:
    """Return what starts the workers that are set; what is wrong with the setting shows here."""
    place = workers_place()
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
        replace_lost_workers(cluster)
    return _Running(cluster, cluster.close)


def _client(scheduler: str | Cluster) -> Client:
    _quiet_distributed()
    try:
        return Client(scheduler, set_as_default=False, timeout=CONNECT_SECONDS)
    except OSError as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler}; start one with `dask scheduler`, or name "
            f"another place for the workers by --cluster or {CLUSTER_VARIABLE}"
        ) from error


def _quiet_distributed() -> None:
    """Leave it to the run's own lines to say what was lost, instead of pages of tracebacks."""
    for handler in logging.getLogger("distributed").handlers:
        handler.setLevel(logging.CRITICAL)


def _starts_a_cluster(found: Any) -> bool:
    return found is SSHCluster or (isinstance(found, type) and issubclass(found, Cluster))


def _configured_cluster(settings: ClusterSettings, make: Callable[..., Cluster]) -> Cluster:
    _quiet_distributed()
    try:
        with children_ignore_ctrl_c(), dask.config.set(_SETTINGS):
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
    n_workers = local_count()
    with children_ignore_ctrl_c(), dask.config.set(_SETTINGS):
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
    place = workers_place()
    if place == LOCAL:
        return local_count()
    if "://" in place:
        with contextlib.closing(_client(place)) as client:
            there = len(client.scheduler_info(n_workers=-1)["workers"])
    else:
        there = read_cluster(Path(place)).planned_workers or 0
    return there or local_count()  # those that will come are not known yet


def _outlast_deaths(dask_scheduler: Scheduler) -> None:
    dask_scheduler.allowed_failures = max(dask_scheduler.allowed_failures, MOST_DEATHS)


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
