"""Where a run keeps its own things: the Prefect and MLflow databases, models and checkpoints."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pose_lib.errors import InputError

HOME_VARIABLE = "POSELIFT_HOME"
DEFAULT_HOME = Path(".poselift")


@dataclass(frozen=True)
class Workspace:
    """One working folder, used by all commands that should see the same models and runs."""

    home: Path

    def __post_init__(self) -> None:
        if not self.home.is_absolute():
            msg = f"the working folder must be absolute, got {self.home}"
            raise ValueError(msg)

    @property
    def prefect_home(self) -> Path:
        return self.home / "prefect"

    @property
    def running(self) -> Path:
        """Where each process notes its flow runs while it lives."""
        return self.home / "running"

    @property
    def checkpoints(self) -> Path:
        return self.home / "checkpoints"

    @property
    def weights(self) -> Path:
        return self.home / "weights"

    @property
    def mlflow_artifacts(self) -> Path:
        return self.home / "mlflow-artifacts"

    @property
    def tracking_uri(self) -> str:
        """The MLflow server that is set, else a SQLite database in the working folder."""
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.home / 'mlflow.db'}"

    @property
    def tracks_locally(self) -> bool:
        return self.tracking_uri.startswith("sqlite:")


def current_workspace() -> Workspace:
    """Return the working folder: ``$POSELIFT_HOME``, else ``.poselift`` in the current folder."""
    return Workspace(Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).absolute())


def make_folder(folder: Path) -> None:
    """Make a folder and its parents.

    Raises:
        InputError: If that is not allowed there, or a file is in the way.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror or error}") from error


def without_password(text: str) -> str:
    """Return the text with the user and password of every address in it made unreadable."""
    return re.sub(r"//[^/@\s]+@", "//***@", text)
