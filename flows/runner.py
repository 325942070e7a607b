"""Where shards run: the one module that names Dask.

How many workers there are changes where the work runs, not what comes out, so it is set by the
environment and not by a flow's parameters:

``POSELIFT_DASK_ADDRESS``  a running scheduler, such as ``tcp://10.0.0.7:8786``
``POSELIFT_WORKERS``       worker processes of the local cluster; by default one where there is a
                           GPU, which has processes of its own for each core, else one per core
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import resource_tracker
from typing import Any

import dask.config
from distributed import LocalCluster
from prefect.task_runners import TaskRunner
from prefect_dask import DaskTaskRunner

from pose_lib.cores import usable_cores
from pose_lib.errors import InputError

KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "1000000000", "MALLOC_MMAP_THRESHOLD_": "33554432"}
"""Workers keep the memory of one image for the next, up to some 100 MB. Dask's own default gives it
back to the system at once, and the network then spends nearly half its time on page faults."""


def dask_runner() -> TaskRunner[Any]:
    """Run tasks on the scheduler that is set, else on a local cluster made when first needed."""
    if address := os.environ.get("POSELIFT_DASK_ADDRESS"):
        return DaskTaskRunner(address=address)
    return DaskTaskRunner(cluster_class=_next_cluster)


@contextlib.contextmanager
def workers_ahead() -> Iterator[None]:
    """Start local workers in the background, for the first flow in the block that needs some.

    They take seconds to import what they need, in which other things can start too.
    """
    if os.environ.get("POSELIFT_DASK_ADDRESS"):
        yield
        return
    with ThreadPoolExecutor(max_workers=1) as background:
        _ahead.append(background.submit(local_cluster))
        try:
            yield
        finally:
            while _ahead:  # no flow wanted them
                _ahead.pop().result().close()


def _next_cluster() -> LocalCluster:
    return _ahead.pop().result() if _ahead else local_cluster()


_ahead: list[Future[LocalCluster]] = []


def local_cluster() -> LocalCluster:
    """Start one single-threaded worker process per core, all on the loopback address."""
    keep_memory = {"distributed.nanny.pre-spawn-environ": KEEP_MEMORY}
    with _children_deaf_to_ctrl_c(), dask.config.set(keep_memory):
        return LocalCluster(
            n_workers=worker_count(),
            threads_per_worker=1,  # the network runs best with one thread per process
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # None would listen on all interfaces
            silence_logs=50,
            preload=["tasks.extract"],  # and with it all that takes long to import
        )


def worker_count() -> int:
    """Return how many workers to plan for.

    Raises:
        InputError: If ``POSELIFT_WORKERS`` is no positive number.
    """
    setting = os.environ.get("POSELIFT_WORKERS", "")
    if not setting:
        from pose_lib.openpose.engine import gpu_is_here  # takes a second to import

        return 1 if gpu_is_here() else usable_cores()
    if not setting.isdecimal() or int(setting) < 1:
        msg = f"POSELIFT_WORKERS must be a whole number of at least 1, got {setting!r}"
        raise InputError(msg)
    return int(setting)


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
