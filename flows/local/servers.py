"""The servers that a run needs and nobody has set up: started for it, gone with it."""

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from pose_lib.errors import InputError
from tasks.runtime.workspace import HOME_VARIABLE, Workspace, make_folder

LOOPBACK = "127.0.0.1"
START_SECONDS = 120.0

OFFLINE = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Nothing phones home."""

QUIET = {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the API still gets the whole log
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",  # each event that waits for the API is a page
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "ALEMBIC_LOGGING_LEVEL": "ERROR",
}
"""Progress bars and one clear line at the end, no wall of log lines."""

RETRIES = {
    "PREFECT_CLIENT_MAX_RETRIES": "7",
}
"""A Prefect server may be gone for four minutes: requests wait 2, 4, 8 ... 128 seconds."""

_NO_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # six processes that do nothing here

_ANNOUNCEMENT = "api_url"


class ServerError(RuntimeError):
    """A server that a run needs did not start."""


def set_environment(workspace: Workspace) -> None:
    """Keep this process and its children offline, quiet and in one working folder.

    What the user has set stays as it is. Must run before Prefect is first imported.
    """
    for name, value in {**OFFLINE, **QUIET, **RETRIES}.items():
        os.environ.setdefault(name, value)
    os.environ[HOME_VARIABLE] = str(workspace.home)


@contextlib.contextmanager
def prefect_api(
    workspace: Workspace,
    meanwhile: contextlib.AbstractContextManager[None] = contextlib.nullcontext(),  # noqa: B008
) -> Iterator[str]:
    """Give the URL of the Prefect API that is configured, else of a local one for the block.

    Without one API for all, every Dask worker process would start its own.

    Args:
        meanwhile: Entered once the URL is set, while the server may still be starting.
    """
    if configured := configured_api():
        with meanwhile:
            yield configured
    elif (announced := _announced_api(workspace)) is not None:
        with _using_api(announced, workspace), meanwhile:
            yield announced
    else:
        with (
            _starting_prefect(workspace, free_port()) as (url, server),
            _using_api(url, workspace),
            meanwhile,
        ):
            server.wait_until_healthy(f"{url}/health")
            yield url


def configured_api() -> str | None:
    """Return the URL of the Prefect API that is set, if one is."""
    from prefect.settings import get_current_settings

    return get_current_settings().api.url


@contextlib.contextmanager
def prefect_server(workspace: Workspace, port: int) -> Iterator[str]:
    """Run a Prefect server of the working folder on loopback for the block; give its API's URL."""
    with _starting_prefect(workspace, _untaken(port)) as (url, server):
        server.wait_until_healthy(f"{url}/health")
        yield url


@contextlib.contextmanager
def _starting_prefect(workspace: Workspace, port: int) -> Iterator[tuple[str, "_Server"]]:
    url = f"http://{LOOPBACK}:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start"]
    command += ["--host", LOOPBACK, "--port", str(port)]
    environment = {"PREFECT_HOME": str(workspace.prefect_home), "PREFECT_API_URL": url}
    with _supervised(command, workspace.prefect_home / "server.log", environment) as server:
        yield url, server


@contextlib.contextmanager
def announced(url: str, workspace: Workspace) -> Iterator[None]:
    """Let runs in the same working folder use this Prefect API instead of starting their own."""
    note = workspace.prefect_home / _ANNOUNCEMENT
    note.write_text(url)
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


@contextlib.contextmanager
def mlflow_server(workspace: Workspace, port: int | None = None) -> Iterator[str]:
    """Give the URL of the MLflow server that is set, else run one for the working folder."""
    if not workspace.tracks_locally:
        yield workspace.tracking_uri
        return
    port = _untaken(port) if port else free_port()
    url = f"http://{LOOPBACK}:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(port)]
    command += ["--backend-store-uri", workspace.tracking_uri, "--workers", "1"]
    with _supervised(command, workspace.home / "mlflow-server.log", _NO_JOBS) as server:
        server.wait_until_healthy(f"{url}/health")
        yield url


def free_port() -> int:
    """Return a port of the loopback address that is free now.

    Not one of those that the system gives to connections, which could take it before its server.
    """
    while True:
        port = random.randrange(10_000, 32_768)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


def _untaken(port: int) -> int:
    """Return the port; else what listens on it would be taken for the server that cannot start."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError) as error:
            raise InputError(f"port {port} cannot be used ({error}); name another") from error
    return port


@dataclass(frozen=True)
class _Server:
    """A server's supervisor, and where the server's output goes."""

    supervisor: subprocess.Popen[bytes]
    log: Path

    def wait_until_healthy(self, url: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.supervisor.poll() is not None:
                status = self.supervisor.returncode
                raise ServerError(f"the server ended while starting ({status}); see {self.log}")
            if _answers(url):
                self._keep()
                return
            time.sleep(0.2)
        raise ServerError(f"no answer from {url} in {START_SECONDS:.0f} s; see {self.log}")

    def _keep(self) -> None:
        """Have the server started again whenever it ends by itself."""
        assert self.supervisor.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.supervisor.stdin.write(b"it works")
            self.supervisor.stdin.flush()


@contextlib.contextmanager
def _supervised(
    command: list[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[_Server]:
    make_folder(log.parent)
    with log.open("ab") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "flows.local.supervisor", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # Ctrl-C must reach the run, not its servers
        )
    try:
        yield _Server(supervisor, log)
    finally:
        assert supervisor.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            supervisor.stdin.close()
        supervisor.wait()


@contextlib.contextmanager
def _using_api(url: str, workspace: Workspace) -> Iterator[None]:
    """Point this process and those it starts at a Prefect API."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    home = str(workspace.prefect_home)
    variables = {"PREFECT_API_URL": url, "PREFECT_HOME": home}
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        with temporary_settings({PREFECT_API_URL: url, PREFECT_HOME: home}):
            try:
                yield
            finally:
                _send_what_is_queued()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _send_what_is_queued() -> None:
    """Let Prefect's log and event threads finish, else they retry for a minute after the end."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=10)


def _announced_api(workspace: Workspace) -> str | None:
    note = workspace.prefect_home / _ANNOUNCEMENT
    if not note.is_file():
        return None
    url = note.read_text().strip()
    return url if _answers(f"{url}/health") else None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (OSError, ValueError, HTTPException):  # or what answers is no HTTP server
        return False
