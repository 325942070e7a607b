"""A working folder with a real MLflow database; Prefect runs nowhere here."""

import os
import shutil
from pathlib import Path

import pytest

from flows.local.servers import OFFLINE, QUIET
from pose_lib.lifting.training.config import DistillConfig, GanConfig, TrainConfig
from tasks.mlflow_tracking.client import connect
from tasks.runtime.workspace import HOME_VARIABLE, Workspace

os.environ.update(OFFLINE | QUIET)  # before MLflow and Prefect read them

TINY = TrainConfig(
    gan=GanConfig(n_generators=1, steps=8, batch=16, width=16, cycle_warmup_steps=4),
    distill=DistillConfig(steps=8, batch=16, width=16),
    use_gpu=False,
)
"""Settings under which a whole training takes a second."""


@pytest.fixture
def tiny() -> TrainConfig:
    return TINY


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables and nothing in them, which take seconds to make."""
    home = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv(HOME_VARIABLE, str(home))
        connect().search_experiments()
    return home / "mlflow.db"


@pytest.fixture
def workspace(empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The current working folder, empty."""
    workspace = Workspace(tmp_path / "home")
    workspace.home.mkdir()
    shutil.copy(empty_database, workspace.home)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv(HOME_VARIABLE, str(workspace.home))
    return workspace
