import subprocess
from pathlib import Path

import mlflow
import pytest

from tasks.mlflow_tracking import client


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sqlite:////data/mlflow.db", "sqlite:////data/mlflow.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("postgresql://me:secret@db:5432/runs", "postgresql://***@db:5432/runs"),
        ("https://me:secret@mlflow.example", "https://***@mlflow.example"),
        ("https://token@mlflow.example", "https://***@mlflow.example"),
    ],
)
def test_a_password_is_never_shown(monkeypatch, uri, shown):
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: uri)
    assert client.tracking_server() == shown


def test_a_run_names_the_commit_of_this_checkout_and_of_no_other(monkeypatch, tmp_path):
    here = Path(client.__file__).parent
    head = subprocess.run(
        ["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    if head.returncode:
        pytest.skip("this is no git checkout")
    assert client._git_commit() == head.stdout.strip()

    installed = tmp_path / "site-packages" / "tracking.py"  # inside somebody's own repository
    installed.parent.mkdir()
    installed.touch()
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.setattr(client, "__file__", str(installed))
    assert client._git_commit() == "unknown"
