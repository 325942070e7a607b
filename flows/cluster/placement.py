"""Where the environment says that workers are, and how many.

This changes where the work runs, not what comes out, so it is no parameter of a flow:

``POSELIFT_CLUSTER``  a TOML file that says how workers are started (``deployments/clusters``), or
                      the address of a running scheduler such as ``tcp://10.0.0.7:8786``, or
                      ``local``, the default: workers on this machine
``POSELIFT_WORKERS``  worker processes of the local cluster; by default one where there is a
                      GPU, which has processes of its own for each core, else one per core

``POSELIFT_DASK_ADDRESS`` names a running scheduler too, where ``POSELIFT_CLUSTER`` is not set.
"""

import os
from pathlib import Path

from flows.cluster.settings import read_cluster
from pose_lib.errors import InputError
from pose_lib.processes.host import usable_cores

CLUSTER_VARIABLE = "POSELIFT_CLUSTER"
WORKERS_VARIABLE = "POSELIFT_WORKERS"
LOCAL = "local"

_THIS_MACHINE = {"127.0.0.1", "localhost", "[::1]"}


def workers_place() -> str:
    """Return what is set: a file, a scheduler's address, or ``local``."""
    return os.environ.get(CLUSTER_VARIABLE) or os.environ.get("POSELIFT_DASK_ADDRESS") or LOCAL


def workers_elsewhere() -> bool:
    """Tell whether the workers are, or may be, on other machines.

    Raises:
        InputError: If the number of workers, or the cluster's file, is wrong.
    """
    place = workers_place()
    if place == LOCAL:
        _set_count()
        return False
    if "://" in place:
        hosts = [place.partition("://")[2].rpartition(":")[0]]
    else:
        settings = read_cluster(Path(place))
        if settings.cluster.endswith(".LocalCluster"):
            return False
        hosts = settings.options.get("hosts", ["of a queue or the like"])
    return not set(hosts) <= _THIS_MACHINE


def local_count() -> int:
    """Return how many worker processes a cluster on this machine has."""
    if (count := _set_count()) is not None:
        return count
    from pose_lib.openpose.engine import gpu_is_here  # takes a second to import

    return 1 if gpu_is_here() else usable_cores()


def _set_count() -> int | None:
    setting = os.environ.get(WORKERS_VARIABLE, "")
    if setting and (not setting.isdecimal() or int(setting) < 1):
        raise InputError(
            f"{WORKERS_VARIABLE} must be a whole number of at least 1, got {setting!r}"
        )
    return int(setting) if setting else None
