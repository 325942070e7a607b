import os

import pytest
from distributed import Client

from flows.runner import KEEP_MEMORY, dask_runner, local_cluster, worker_count
from pose_lib.errors import InputError


def test_workers_are_single_threaded_and_keep_their_memory(monkeypatch):
    monkeypatch.setenv("POSELIFT_WORKERS", "1")
    with local_cluster() as cluster, Client(cluster) as client:
        environment = client.submit(lambda: dict(os.environ)).result()
        assert {name: environment.get(name) for name in KEEP_MEMORY} == KEEP_MEMORY
        assert list(client.nthreads().values()) == [1]


def test_everything_listens_on_loopback(monkeypatch):
    monkeypatch.setenv("POSELIFT_WORKERS", "1")
    with local_cluster() as cluster:
        assert "//127.0.0.1:" in cluster.scheduler_address
        assert "//127.0.0.1:" in cluster.dashboard_link
        assert all("//127.0.0.1:" in address for address in cluster.scheduler.workers)


def test_a_scheduler_that_is_named_is_used(monkeypatch):
    monkeypatch.setenv("POSELIFT_DASK_ADDRESS", "tcp://127.0.0.1:8786")
    assert dask_runner().address == "tcp://127.0.0.1:8786"


@pytest.mark.parametrize("setting", ["0", "-1", "two", "1.5"])
def test_a_number_of_workers_that_is_none_is_refused(monkeypatch, setting):
    monkeypatch.setenv("POSELIFT_WORKERS", setting)
    with pytest.raises(InputError, match="POSELIFT_WORKERS"):
        worker_count()
