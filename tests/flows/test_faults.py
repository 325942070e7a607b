"""A few of the faults of ``fault_injection``, which tries them all and many times."""

import contextlib
import time

import pytest
from distributed import Client

from fault_injection.crash_points import BATCH, DELETED, PUBLISHED
from fault_injection.image_faults import poison_aborts
from fault_injection.sandbox import world
from fault_injection.store_faults import STAGES, kill_writers
from flows import cli
from flows.cluster import runner, workers


@pytest.fixture
def here(tmp_path, workspace, api):
    with world(tmp_path / "world", prefect=api) as here:
        yield here


@pytest.mark.every_fault  # a kill at a random write is tried in tests/pose_lib/store
def test_a_writer_killed_at_whatever_stage_loses_doubles_and_tears_nothing(here):
    stages = [stage for stage in STAGES if stage.place in (BATCH, DELETED, PUBLISHED)]
    rows = list(kill_writers(here, kills=len(stages), seed=0, stages=stages))
    assert [row.tried for row in rows] == [1] * len(stages)
    assert [line for row in rows for line in row.wrong] == []
    assert sum(row.lost + row.doubled for row in rows) == 0


def test_a_picture_that_aborts_whoever_looks_at_it_is_named_and_all_else_done(here):
    (row,) = poison_aborts(here, kills=1, seed=0)
    assert (row.wrong, row.lost, row.doubled, row.state) == ([], 0, 0, "Completed")


def test_a_worker_whose_keeper_ended_is_replaced(monkeypatch):
    monkeypatch.setenv("POSELIFT_WORKERS", "1")
    monkeypatch.setattr(workers, "_LOOK_SECONDS", 0.2)
    with (
        contextlib.closing(runner._closable(runner.local_cluster())) as running,
        Client(running.scheduler, set_as_default=False) as client,
    ):
        cluster = running.scheduler
        (lost,) = cluster.scheduler.workers
        cluster.sync(next(iter(cluster.workers.values())).close)
        deadline = time.monotonic() + 60
        while not set(client.scheduler_info()["workers"]) - {lost}:
            assert time.monotonic() < deadline, "no worker came in its place"
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("told", "cause"), [("an error", KeyboardInterrupt()), ("no model: KeyboardInterrupt: ", None)]
)
def test_ctrl_c_is_told_as_such_whatever_a_library_makes_of_it(monkeypatch, capsys, told, cause):
    def interrupted(*_, **__):
        raise ValueError(told) from cause

    monkeypatch.setattr(cli, "app", interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == cli.INTERRUPTED
    assert "run the same command again" in capsys.readouterr().err
