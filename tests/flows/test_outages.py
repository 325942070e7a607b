"""A Prefect server that goes away in the middle of a run and comes back costs nothing but time."""

import contextlib
import os
import signal
import sys
import time
import urllib.request

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.local.servers import LOOPBACK, free_port
from pose_lib.store import read_keypoints


class PrefectServer:
    """A server as its user would run it, always on the same port and database."""

    def __init__(self, place):
        self._place = place
        self._port = free_port()
        self.url = f"http://{LOOPBACK}:{self._port}/api"
        self.start()

    def start(self):
        command = f"-m prefect server start --host {LOOPBACK} --port {self._port}"
        home = str(self._place.folder / "server")
        self._started = self._place.start(sys.executable, *command.split(), PREFECT_HOME=home)
        while not _answers(f"{self.url}/health"):
            assert self._started.process.poll() is None, self._started.printed
            time.sleep(0.2)

    def kill(self):
        os.killpg(self._started.process.pid, signal.SIGKILL)
        self._started.process.wait()


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("detection: [1-9]", 12),
        pytest.param("detection: [1-9]", 30, marks=pytest.mark.every_fault),
        pytest.param("detection: 40 of 40", 30, marks=pytest.mark.every_fault),
    ],
)
def test_a_run_outlasts_a_server_that_is_gone_for_a_while(steady, moment, seconds):
    server = PrefectServer(steady)
    try:
        run = steady.extract(PREFECT_API_URL=server.url)
        run.wait_for(moment)
        server.kill()
        time.sleep(seconds)
        server.start()
        assert run.end() == 0, run.printed
        assert read_keypoints(steady.store).n_people == steady.n_images
        assert _final_states(server.url) == {"flow run": {"Completed"}, "task run": {"Completed"}}
    finally:
        server.kill()


def _answers(url):
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
        return True
    return False


def _final_states(url, *, wait=30):
    """Return the names of the states of all runs, once what was queued has arrived."""
    deadline = time.monotonic() + wait
    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        while True:
            runs = {"flow run": client.read_flow_runs(), "task run": client.read_task_runs()}
            names = {kind: {run.state_name for run in found} for kind, found in runs.items()}
            if set().union(*names.values()) == {"Completed"} or time.monotonic() > deadline:
                return names
            time.sleep(1)
