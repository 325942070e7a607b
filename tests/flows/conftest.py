"""One real Prefect server and one working folder for all tests of this folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.services import prefect_api, set_environment
from tasks.workspace import HOME_VARIABLE, Workspace


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
def home(tmp_path: Path) -> dict[str, str]:
    """An environment for a `poselift` process with a working folder of its own."""
    return {**os.environ, HOME_VARIABLE: str(tmp_path / "home"), "POSELIFT_WORKERS": "2"}
