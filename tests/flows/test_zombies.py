"""No run stays Running once its process is gone, whatever ended it."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter

import pytest
import yaml
from command_process import CHECKOUT
from left_over import left_over, running
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
from steady_detector import SECONDS

from pose_lib.store import read_keypoints

DEPLOYMENTS = CHECKOUT / "deployments"
SERVER = "prefect.server.api.server"


@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGKILL],
        pytest.param([signal.SIGTERM, signal.SIGKILL], marks=pytest.mark.every_fault),
    ],
)
def test_a_run_that_is_ended_leaves_nothing_and_the_same_command_goes_on(steady, signals):
    for number in signals:
        run = steady.extract()
        run.wait_for("detection: [1-9]")
        begun = time.monotonic()
        status = run.end(number, seconds=60)
        assert status == (130 if number == signal.SIGTERM else -number), run.printed
        assert left_over(steady.environment, wait=20) == []
        assert time.monotonic() - begun < 60
    crashed = len(signals) - 1
    assert _states(steady) == Counter(CRASHED=crashed, RUNNING=1)

    last = steady.extract()
    last.wait_for("detection: [1-9]")
    _kill_the_server(steady)  # which the run has started for itself
    assert last.end() == 0, last.printed
    assert _states(steady) == Counter(CRASHED=crashed + 1, COMPLETED=1)
    assert _states_inside(steady, "COMPLETED") == {"COMPLETED"}
    assert _states_inside(steady, "CRASHED") <= {"COMPLETED", "CRASHED"}
    assert read_keypoints(steady.store).n_people == steady.n_images


def test_a_deployed_run_whose_process_died_becomes_crashed(api, steady):
    steady.environment |= {"PREFECT_API_URL": api, SECONDS: "60"}  # longer than this test
    _create_automation(steady.folder, within=15)
    served = _serve(steady)
    served.wait_for("being served")
    run = run_deployment(
        "extract-keypoints/zombie",
        parameters={
            "images": str(steady.folder / "pictures"),
            "store": str(steady.store),
            "config": {"detector": "steady"},
        },
        timeout=0,
        as_subflow=False,
    )
    assert _state_becomes(run.id, "RUNNING", seconds=120)
    time.sleep(5)  # for its first heartbeat
    for process in running(steady.environment):
        process.kill()
    assert _state_becomes(run.id, "CRASHED", seconds=15 + 45)
    assert left_over(steady.environment) == []


def _create_automation(folder, *, within):
    """Create what is shipped, by the command of its first lines, with a shorter time."""
    content = yaml.safe_load((DEPLOYMENTS / "automations.yaml").read_text())
    (automation,) = content["automations"]
    automation["trigger"]["within"] = within
    path = folder / "automations.yaml"
    path.write_text(yaml.safe_dump(content))
    command = [sys.executable, "-m", "prefect", "automation", "create", "--from-file", str(path)]
    subprocess.run(command, check=True, capture_output=True)


def _serve(place):
    (settings,) = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())["definitions"][
        "work_pools"
    ].values()
    entrypoint = f"{CHECKOUT / 'flows' / 'extract.py'}:extract_keypoints"
    command = ["-m", "prefect", "flow", "serve", entrypoint]
    command += ["--name", "zombie", "--tag", "poselift"]
    beat = settings["job_variables"]["env"]
    return place.start(sys.executable, *command, **beat, PREFECT_LOGGING_LEVEL="INFO")


def _state_becomes(run, kind, *, seconds):
    deadline = time.monotonic() + seconds
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            state = client.read_flow_run(run).state
            if state is not None and state.type.value == kind:
                return True
            time.sleep(0.5)
    return False


def _kill_the_server(place):
    """Kill it with -9 and all its processes, but not its guardian."""
    for process in running(place.environment):
        words = " ".join(process.info["cmdline"] or [])
        if "flows.local.supervisor" not in words and ("prefect server" in words or SERVER in words):
            process.kill()


def _states(place):
    """Count the states of flow runs in the database of the working folder."""
    return Counter(dict(_asked(place, "SELECT state_type, count(*) FROM flow_run GROUP BY 1")))


def _states_inside(place, kind):
    """Return the states of the tasks of flow runs in this state."""
    rows = _asked(
        place,
        "SELECT DISTINCT task_run.state_type FROM task_run JOIN flow_run"
        f" ON flow_run.id = task_run.flow_run_id WHERE flow_run.state_type = '{kind}'",
    )
    return {state for (state,) in rows}


def _asked(place, query):
    path = place.folder / "home" / "prefect" / "prefect.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return database.execute(query).fetchall()
