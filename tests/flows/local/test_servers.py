"""Servers are started where none is configured, shared where one is, and never left behind."""

import os
import socket
import subprocess
import sys
import textwrap
import threading
import urllib.request
from pathlib import Path

import pytest
from left_over import left_over, marked
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from flows.local.servers import (
    LOOPBACK,
    ServerError,
    _announced_api,
    announced,
    free_port,
    mlflow_server,
    prefect_api,
    prefect_server,
)
from pose_lib.errors import InputError
from tasks.runtime.workspace import Workspace

WITH_A_SERVER = """
    import sys, time
    from pathlib import Path
    from flows.local.servers import prefect_api
    from tasks.runtime.workspace import Workspace

    with prefect_api(Workspace(Path(sys.argv[1]))) as url:
        print(url, flush=True)
        time.sleep(600)
"""


@pytest.fixture
def unconfigured(api, monkeypatch):
    """As in a process that nobody has told of an API."""
    monkeypatch.delenv("PREFECT_API_URL")
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        yield api


@pytest.fixture
def fresh(tmp_path):
    workspace = Workspace(tmp_path / "home")
    workspace.prefect_home.mkdir(parents=True)
    return workspace


def test_a_configured_api_is_used_as_it_is(fresh, api):
    elsewhere = "http://elsewhere:4200/api"
    with temporary_settings({PREFECT_API_URL: elsewhere}), prefect_api(fresh) as url:
        assert url == elsewhere
    assert list(fresh.prefect_home.iterdir()) == []


def test_an_announced_api_is_shared(fresh, unconfigured):
    with announced(unconfigured, fresh), prefect_api(fresh) as url:
        assert url == unconfigured == os.environ["PREFECT_API_URL"]
        assert get_current_settings().api.url == url
        assert not (fresh.prefect_home / "server.log").exists()
    assert "PREFECT_API_URL" not in os.environ
    assert list(fresh.prefect_home.iterdir()) == []  # nor is the announcement


def test_a_server_is_started_where_the_announced_one_is_gone_and_ends_with_a_killed_run(fresh):
    (fresh.prefect_home / "api_url").write_text(f"http://{LOOPBACK}:{free_port()}/api")
    mark = marked()
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    run = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WITH_A_SERVER), str(fresh.home)],
        env=environment | mark,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert _get(f"{run.stdout.readline().strip()}/health") == "true"
    run.kill()
    run.communicate()
    assert left_over(mark) == []


def test_a_port_that_is_taken_is_refused_by_number(fresh, api):
    port = int(api.removesuffix("/api").rpartition(":")[2])
    with (
        pytest.raises(InputError, match=f"port {port} cannot be used"),
        prefect_server(fresh, port),
    ):
        pytest.fail("the other server's answer was taken for its own")


def test_a_server_that_ends_while_starting_gives_an_error_that_names_its_log(fresh):
    (fresh.prefect_home / "prefect.db").write_text("no database" * 100)
    with (
        pytest.raises(ServerError, match=r"see .*server\.log") as raised,
        prefect_server(fresh, free_port()),
    ):
        pytest.fail("there is no server")
    assert Path(str(raised.value).rpartition("see ")[2]).stat().st_size > 0


def test_the_mlflow_pages_of_a_working_folder_are_served(fresh):
    with mlflow_server(fresh) as url:
        assert "MLflow" in _get(url)


def _get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def test_an_announcement_whose_port_is_somebody_elses_by_now_is_passed_over(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.prefect_home.mkdir(parents=True, exist_ok=True)
    with socket.create_server((LOOPBACK, 0)) as stranger:
        threading.Thread(target=_greet, args=(stranger,), daemon=True).start()
        url = f"http://{LOOPBACK}:{stranger.getsockname()[1]}/api"
        with announced(url, workspace):
            assert _announced_api(workspace) is None


def _greet(stranger):
    visitor, _ = stranger.accept()
    with visitor:
        visitor.sendall(b"SSH-2.0-OpenSSH\r\n")
