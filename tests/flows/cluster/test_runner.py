import os
import sys
import time
from pathlib import Path

import psutil
import pytest
from distributed import Client, LocalCluster
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.cluster import runner
from flows.cluster.placement import CLUSTER_VARIABLE, workers_elsewhere
from flows.cluster.runner import (
    KEEP_MEMORY,
    dask_runner,
    local_cluster,
    worker_count,
    workers_ahead,
)
from flows.local.servers import free_port
from flows.session import session_with_workers
from pose_lib.errors import InputError
from tasks.runtime.progress import lines_to

CLUSTERS = Path(__file__).parents[3] / "deployments" / "clusters"


def test_workers_are_single_threaded_keep_their_memory_and_listen_on_loopback(monkeypatch):
    monkeypatch.setenv("POSELIFT_WORKERS", "1")
    for name in KEEP_MEMORY:  # Dask leaves the settings of any cluster before behind
        monkeypatch.delenv(name, raising=False)
    with local_cluster() as cluster, Client(cluster) as client:
        environment = client.submit(lambda: dict(os.environ)).result()
        assert {name: environment.get(name) for name in KEEP_MEMORY} == KEEP_MEMORY
        assert list(client.nthreads().values()) == [1]
        scheduler, pages = cluster.scheduler_address, cluster.dashboard_link
        for address in (scheduler, pages, *cluster.scheduler.workers):
            assert "//127.0.0.1:" in address


def test_a_scheduler_that_is_named_is_used(monkeypatch):
    monkeypatch.setenv("POSELIFT_WORKERS", "1")
    with local_cluster() as elsewhere:
        for variable in (CLUSTER_VARIABLE, "POSELIFT_DASK_ADDRESS"):
            with monkeypatch.context() as patch:
                patch.setenv(variable, elsewhere.scheduler_address)
                assert worker_count() == 1
                with dask_runner() as runner:
                    assert runner.client.scheduler.address == elsewhere.scheduler_address
            assert elsewhere.status.name == "running"


def test_a_worker_that_outgrows_its_share_is_replaced_and_its_work_done_again(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("POSELIFT_WORKERS", "1")
    monkeypatch.setattr("distributed.worker_memory.system.MEMORY_LIMIT", 1_500_000_000)
    with local_cluster() as cluster, Client(cluster) as client:
        first, second = client.submit(_grow_once, str(tmp_path / "begun")).result(timeout=120)
        assert first != second


def _grow_once(mark):
    """Outgrow the worker's memory at the first try; return the processes of both tries."""
    begun = Path(mark)
    if begun.exists():
        return int(begun.read_text()), os.getpid()
    begun.write_text(str(os.getpid()))
    memory = bytearray(2_000_000_000)
    memory[::4096] = b"1" * len(memory[::4096])  # else it is never really taken
    time.sleep(60)
    return None


def test_a_scheduler_that_does_not_answer_is_one_clear_line(monkeypatch):
    address = f"tcp://127.0.0.1:{free_port()}"
    monkeypatch.setenv(CLUSTER_VARIABLE, address)
    monkeypatch.setattr("flows.cluster.runner.CONNECT_SECONDS", 1)
    with (
        pytest.raises(InputError, match=f"no Dask scheduler answers at {address}"),
        workers_ahead(),
    ):
        pytest.fail("nobody listens there")


@pytest.mark.parametrize(
    ("place", "elsewhere"),
    [
        ("local", False),
        ("tcp://127.0.0.1:8786", False),
        ("tls://localhost:8786", False),
        ("tcp://10.0.0.7:8786", True),
        ("slurm.toml", True),
        ("ssh.toml", True),
    ],
)
def test_workers_on_other_machines_need_a_prefect_api_they_reach(monkeypatch, place, elsewhere):
    if place.endswith(".toml"):
        place = str(CLUSTERS / place)
    monkeypatch.setenv(CLUSTER_VARIABLE, place)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert workers_elsewhere() == elsewhere
    if elsewhere:
        with (
            temporary_settings(restore_defaults={PREFECT_API_URL}),
            pytest.raises(InputError, match="PREFECT_API_URL"),
            session_with_workers(),
        ):
            pytest.fail("nothing can be done there")


@pytest.mark.parametrize("setting", ["0", "-1", "two", "1.5"])
def test_a_number_of_workers_that_is_none_is_refused(monkeypatch, setting):
    monkeypatch.setenv("POSELIFT_WORKERS", setting)
    with pytest.raises(InputError, match="POSELIFT_WORKERS"):
        worker_count()


def test_work_that_no_worker_comes_for_is_told_once(monkeypatch):
    monkeypatch.setattr("flows.cluster.workers.STARVED_SECONDS", 0.2)
    told = []
    with LocalCluster(
        n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    ) as scheduler:
        monkeypatch.setenv(CLUSTER_VARIABLE, scheduler.scheduler_address)
        with lines_to(told.append), dask_runner() as runner:
            time.sleep(1)
            assert told == []  # for there is no work yet
            waiting = runner.client.submit(int)
            time.sleep(1)
            assert not waiting.done()
    (line,) = told
    assert line.startswith(f"no Dask worker is there ({scheduler.scheduler_address})")


def test_workers_started_ahead_are_those_of_the_next_flow(monkeypatch):
    monkeypatch.setenv("POSELIFT_WORKERS", "1")
    with workers_ahead():
        runner = dask_runner()
        with runner, runner.client as client:
            (worker,) = client.scheduler_info()["workers"]
            loaded = client.submit(lambda: "tasks.extract" in sys.modules).result()
        assert loaded, worker
        assert not left_over_workers()


def test_workers_that_wait_for_a_flow_are_not_started_twice(monkeypatch):
    monkeypatch.setenv("POSELIFT_WORKERS", "1")
    with workers_ahead(), workers_ahead():
        assert len(runner._ahead) == 1
    assert not left_over_workers()


def test_workers_started_ahead_that_no_flow_wants_end_with_the_block(monkeypatch):
    monkeypatch.setenv("POSELIFT_WORKERS", "1")
    with pytest.raises(ZeroDivisionError), workers_ahead():
        1 / 0  # noqa: B018
    assert not left_over_workers()


def left_over_workers():
    children = psutil.Process().children(recursive=True)
    alive = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in alive if "spawn_main" in " ".join(child.cmdline())]
