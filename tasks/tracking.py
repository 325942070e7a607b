"""MLflow: where runs are tracked, and what a run says about where it came from."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from prefect.runtime import flow_run

from pose_lib.errors import InputError
from tasks.workspace import current_workspace, make_folder, without_password

EXPERIMENT = "pose-lifting"

PARENT_TAG = MLFLOW_PARENT_RUN_ID

_MOST_RUNS = 5000


def connect() -> MlflowClient:
    """Use the MLflow server that is set, else the SQLite database in the working folder."""
    workspace = current_workspace()
    make_folder(workspace.home)
    mlflow.set_tracking_uri(workspace.tracking_uri)
    return MlflowClient()


@contextmanager
def tracked_run(
    name: str, run_id: str | None = None, *, experiment: str = EXPERIMENT
) -> Iterator[Run]:
    """Run the block inside a new MLflow run, or go on with the run of that id.

    The run carries the git commit and the id of the Prefect flow run, which links back.
    """
    connect()
    experiment_id = _experiment_id(experiment)
    tags = {"prefect.flow_run_id": flow_run.id or "", "prefect.flow_run_url": flow_url()}
    with mlflow.start_run(run_id=run_id, experiment_id=experiment_id, run_name=name) as run:
        mlflow.set_tags(tags | {"git_commit": _git_commit()})
        yield run


@contextmanager
def tracked_part(
    name: str, whole: str, *, experiment: str, run_id: str | None = None
) -> Iterator[Run]:
    """Run the block inside a new child of the run ``whole``, or go on with the run of that id."""
    connect()
    with mlflow.start_run(
        run_id=run_id,
        experiment_id=_experiment_id(experiment),
        run_name=name,
        parent_run_id=whole,
        nested=True,
    ) as run:
        yield run


def find_runs(experiment: str, tags: Mapping[str, str]) -> list[Run]:
    """Return the runs with these tags, in the order in which they began."""
    wanted = " and ".join(f"tags.`{name}` = {_quoted(value)}" for name, value in tags.items())
    return list(
        connect().search_runs(
            [_experiment_id(experiment)],
            wanted,
            order_by=["attributes.start_time ASC"],
            max_results=_MOST_RUNS,
        )
    )


def flow_url() -> str:
    """Return the address of this flow run's page, empty where there is none."""
    return str(flow_run.ui_url or "") if flow_run.id else ""


def known_run(run_id: str) -> bool:
    """Tell whether MLflow still has an unfinished run of that id."""
    try:
        run = connect().get_run(run_id)
    except mlflow.MlflowException:
        return False
    return bool(run.info.lifecycle_stage == "active" and run.info.status != "FINISHED")


def tracking_server() -> str:
    """Return where runs are tracked, without a password."""
    return without_password(str(mlflow.get_tracking_uri()))


def download(uri: str, folder: Path) -> Path:
    """Fetch an artifact of a run or model into ``folder``.

    Raises:
        InputError: If MLflow has nothing under that URI.
    """
    connect()
    try:
        return Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder)))
    except (mlflow.MlflowException, OSError) as error:
        reason = without_password(" ".join(str(error).split()))
        raise InputError(
            f"MLflow at {tracking_server()} has no {uri} ({reason}); see `poselift models list`"
        ) from error


def _quoted(value: str) -> str:
    return f'"{value}"' if "'" in value else f"'{value}'"


def _experiment_id(name: str) -> str:
    """Return the id of an experiment, made on first use.

    A local database would put artifacts below whatever folder is current; so its experiment gets
    an absolute place.
    """
    if found := mlflow.get_experiment_by_name(name):
        return str(found.experiment_id)
    workspace = current_workspace()
    place = workspace.mlflow_artifacts.as_uri() if workspace.tracks_locally else None
    return str(mlflow.create_experiment(name, artifact_location=place))


def _git_commit() -> str:
    """Return the commit of the checkout that this file belongs to, if it belongs to one."""
    here = Path(__file__)
    try:
        _git("ls-files", "--error-unmatch", here.name, folder=here.parent)
        return _git("rev-parse", "HEAD", folder=here.parent)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*command: str, folder: Path) -> str:
    result = subprocess.run(
        ["git", "-C", str(folder), *command], capture_output=True, text=True, check=True
    )
    return result.stdout.strip()
