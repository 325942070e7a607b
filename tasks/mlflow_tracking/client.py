"""MLflow: where runs are tracked, and what a run says about where it came from."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import mlflow
from mlflow import MlflowClient, MlflowException
from mlflow.entities import Run
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from prefect.runtime import flow_run
from requests import RequestException

from pose_lib.errors import InputError, RunFailedError
from tasks.runtime.progress import tell
from tasks.runtime.workspace import current_workspace, make_folder, without_password

EXPERIMENT = "pose-lifting"

PARENT_TAG = MLFLOW_PARENT_RUN_ID

WAIT_VARIABLE = "POSELIFT_MLFLOW_WAIT"
WAIT_SECONDS = 600.0
"""How long a finished training waits for MLflow, unless the variable says otherwise."""

_MOST_RUNS = 5000
_LOOK_SECONDS = 1.0
_REFUSALS = frozenset(
    {
        *("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE", "NOT_FOUND"),
        *("PERMISSION_DENIED", "UNAUTHENTICATED", "NOT_IMPLEMENTED", "ENDPOINT_NOT_FOUND"),
    }
)

Result = TypeVar("Result")


def connect() -> MlflowClient:
    """Use the MLflow server that is set, else the SQLite database in the working folder.

    By default MLflow's client repeats for four minutes what gets no answer, even what makes runs
    and versions, which can make two. Here a request is made once, and again only where it is
    known what became of the first.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # it is for results
    workspace = current_workspace()
    make_folder(workspace.home)
    mlflow.set_tracking_uri(workspace.tracking_uri)
    return MlflowClient()


def require_tracking() -> None:
    """Make sure before long work that MLflow answers, and that its timeout is a number.

    Raises:
        InputError: If not.
    """
    mlflow_timeout()
    try:
        connect().search_experiments(max_results=1)
    except (MlflowException, OSError) as error:
        raise unanswered(error) from error


def unanswered(error: Exception) -> InputError:
    """Return what to say where MLflow does not answer before anything is done."""
    return InputError(
        f"MLflow at {tracking_server()} does not answer ({reason_of(error)}); start it, or name "
        "another in MLFLOW_TRACKING_URI"
    )


def mlflow_timeout() -> float:
    """Return how long to wait for MLflow once all is computed."""
    timeout = os.environ.get(WAIT_VARIABLE) or WAIT_SECONDS
    try:
        return float(timeout)
    except ValueError as error:
        raise InputError(f"{WAIT_VARIABLE} must be a number of seconds, not {timeout!r}") from error


def until_mlflow_answers(action: Callable[[], Result], *, what: str) -> Result:
    """Return what the action returns, tried again while MLflow does not answer.

    Args:
        what: What is waiting, for people: ``3 entries of the journal``.

    Raises:
        RunFailedError: If it never answers in the time given, or refuses.
    """
    deadline = time.monotonic() + mlflow_timeout()
    announced = False
    while True:
        try:
            return action()
        except (MlflowException, RequestException) as error:
            if getattr(error, "error_code", None) in _REFUSALS:
                raise _failed(what, "refuses", error) from error
            if time.monotonic() > deadline:
                raise _failed(what, "does not answer", error) from error
        if not announced:
            tell(f"waiting up to {mlflow_timeout():g} s for MLflow at {tracking_server()}: {what}")
            announced = True
        time.sleep(_LOOK_SECONDS)


def reason_of(error: Exception) -> str:
    """Return an error's message as part of one line, cut short and without a password."""
    text = without_password(" ".join(str(error).split()))
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} ..."


_LONGEST_REASON = 300


@contextmanager
def tracked_run(
    name: str, run_id: str | None = None, *, experiment: str = EXPERIMENT
) -> Iterator[Run]:
    """Run the block inside a new MLflow run, or go on with the run of that id.

    The run carries the git commit and the id of the Prefect flow run, which links back.
    """
    connect()
    experiment_id = _experiment_id(experiment)
    with mlflow.start_run(run_id=run_id, experiment_id=experiment_id, run_name=name) as run:
        mlflow.set_tags(origin_tags())
        yield run


def origin_tags() -> dict[str, str]:
    """Return the tags that say what a run came from."""
    return {
        "prefect.flow_run_id": str(flow_run.id or ""),
        "prefect.flow_run_url": flow_url(),
        "git_commit": _git_commit(),
    }


def create_run(experiment: str, name: str, begun: int, tags: Mapping[str, str]) -> Run:
    """Make a run without entering it.

    Args:
        begun: Milliseconds since 1970.
    """
    return connect().create_run(
        _experiment_id(experiment), start_time=begun, run_name=name, tags=resolve_tags(dict(tags))
    )


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


def is_there(run_id: str) -> bool:
    """Tell whether MLflow has a run of that id, which nobody deleted."""
    try:
        return bool(connect().get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as error:
        if error.error_code in _REFUSALS:
            return False
        raise


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


def _failed(what: str, how: str, error: Exception) -> RunFailedError:
    return RunFailedError(
        f"MLflow at {tracking_server()} {how} ({reason_of(error)}), so this waits: {what}; all is "
        "computed and kept: run the same command again, and it goes on from here"
    )


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
