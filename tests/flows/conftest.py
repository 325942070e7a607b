"""One real Prefect server, one Dask cluster and one working folder for all tests of this folder."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_process import Place, command_place, steady_place
from left_over import end_all, left_over

from flows.local.servers import OFFLINE, QUIET, prefect_api, set_environment
from pose_lib.datasets.sample import sample_images
from tasks.runtime.workspace import HOME_VARIABLE, Workspace

os.environ.update(OFFLINE | QUIET)  # before a test module imports Prefect, which reads it once


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A working folder of the tests' own, with nothing in it yet."""
    workspace = Workspace(tmp_path_factory.mktemp("home"))
    before = dict(os.environ)
    set_environment(workspace)
    os.environ["POSELIFT_WORKERS"] = "2"
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    yield workspace
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def api(workspace: Workspace) -> Iterator[str]:
    """The URL of a running Prefect API that this process uses."""
    with prefect_api(workspace) as url:
        yield url


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder for commands that start servers of their own and must leave no process behind."""
    yield from _left_empty(command_place(tmp_path))


@pytest.fixture
def steady(tmp_path: Path) -> Iterator[Place]:
    """The same with pictures, of which each takes a quarter of a second."""
    yield from _left_empty(steady_place(tmp_path))


def _left_empty(place: Place) -> Iterator[Place]:
    yield place
    left = left_over(place.environment, wait=30)
    end_all(place.environment)
    assert left == []


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two people, nobody, and a broken file."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("astronaut.jpg", "broken.jpg", "coffee.jpg", "demo_kick.jpg"):
        shutil.copy(sample_images() / name, folder)
    return folder


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@pytest.fixture
def poselift(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Callable[..., Outcome]:
    """Run the command line inside this process, in an empty current folder."""
    from flows.cli import main

    monkeypatch.setenv(HOME_VARIABLE, str(workspace.home))  # put back, whatever a command sets
    monkeypatch.setenv("POSELIFT_WORKERS", "2")
    monkeypatch.setenv("POSELIFT_CLUSTER", "")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["poselift", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Outcome(int(ended.value.code or 0), *capfd.readouterr())

    return run
