"""Where a run keeps its things."""

from pathlib import Path

import pytest

from tasks.runtime.workspace import HOME_VARIABLE, Workspace, current_workspace


def test_the_working_folder_is_the_one_set_else_one_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(HOME_VARIABLE, "elsewhere")
    assert current_workspace().home == tmp_path / "elsewhere"
    monkeypatch.delenv(HOME_VARIABLE)
    assert current_workspace().home == tmp_path / ".poselift"


def test_runs_are_tracked_in_the_working_folder_unless_a_server_is_set(tmp_path, monkeypatch):
    workspace = Workspace(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert workspace.tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert workspace.tracks_locally
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert workspace.tracking_uri == "http://mlflow:5000"
    assert not workspace.tracks_locally


def test_a_relative_working_folder_is_refused():
    with pytest.raises(ValueError, match="must be absolute, got here"):
        Workspace(Path("here"))
