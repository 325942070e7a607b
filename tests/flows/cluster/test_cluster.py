"""Workers that somebody else starts, as processes of their own, and all that can become of them."""

import json
import os
import signal
import sys

import pytest

from flows.cluster.placement import CLUSTER_VARIABLE
from flows.local.servers import LOOPBACK, free_port
from pose_lib.store import read_keypoints
from tasks.runtime.workspace import HOME_VARIABLE


class Cluster:
    """A scheduler and workers, started as a user would, each in a folder of its own."""

    def __init__(self, place):
        self._place = place
        self._port = free_port()
        self.address = f"tcp://{LOOPBACK}:{self._port}"
        self.workers = []
        self.start_scheduler()

    def start_scheduler(self):
        options = ["--host", LOOPBACK, "--port", str(self._port), "--no-dashboard"]
        self.scheduler = self._start("scheduler", *options)

    def start_workers(self, n, **environment):
        for _ in range(n):
            options = ["--host", LOOPBACK, "--nthreads", "1", "--no-dashboard"]
            worker = self._start("worker", self.address, *options, **environment)
            self.workers.append(worker)

    def kill_workers(self):
        """Kill all at once, first those who would start them again."""
        for worker in self.workers:
            os.killpg(worker.process.pid, signal.SIGKILL)
        self.workers.clear()

    def end(self):
        self.kill_workers()
        os.killpg(self.scheduler.process.pid, signal.SIGKILL)

    def _start(self, what, *options, **environment):
        folder = self._place.folder / f"{what} {len(list(self._place.folder.iterdir()))}"
        folder.mkdir()
        command = [sys.executable, "-m", "dask", what, *options]
        return self._place.start(*command, folder=folder, **{HOME_VARIABLE: ""}, **environment)


@pytest.fixture
def cluster(api, steady):
    cluster = Cluster(steady)
    steady.environment |= {CLUSTER_VARIABLE: cluster.address, "PREFECT_API_URL": api}
    yield cluster
    cluster.end()


def test_a_run_outlasts_all_its_workers_and_goes_on_after_its_scheduler(steady, cluster):
    first = steady.extract()
    first.wait_for("detection: 0 of 40")
    cluster.start_workers(2)  # later than the run
    first.wait_for("detection: 1. of 40")
    cluster.kill_workers()
    cluster.start_workers(2)
    first.wait_for("detection: 2. of 40")
    os.killpg(cluster.scheduler.process.pid, signal.SIGKILL)
    assert first.end() == 1
    assert "poselift: the connection to the Dask scheduler is lost" in first.printed

    cluster.start_scheduler()
    cluster.kill_workers()
    cluster.start_workers(2)
    second = steady.extract()
    assert second.end() == 0, second.printed
    assert json.loads(second.out)["ok"] == steady.n_images
    keypoints = read_keypoints(steady.store)
    assert (keypoints.n_images, keypoints.n_people) == (steady.n_images, steady.n_images)
    assert not list(steady.folder.glob("worker */**/*.zarr"))


def test_workers_of_another_version_are_refused_by_a_clear_line(steady, cluster, tmp_path):
    other = tmp_path / "other" / "poselift-9.9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: poselift\nVersion: 9.9.9\n")
    path = os.pathsep.join([str(other.parent), steady.environment["PYTHONPATH"]])
    cluster.start_workers(1, PYTHONPATH=path)
    run = steady.extract()
    assert run.end() == 2, run.printed
    (line,) = (line for line in run.printed.splitlines() if line.startswith("poselift: "))
    assert "9.9.9" in line
