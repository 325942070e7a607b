"""The model registry: lifters by name, version and alias."""

import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

from pose_lib.errors import InputError
from pose_lib.lifting.files.lifter_folder import load_lifter
from pose_lib.lifting.lifter import Lifter
from pose_lib.skeleton import BODY_15
from tasks.mlflow_tracking.client import connect, download
from tasks.mlflow_tracking.model_uri import CHAMPION, MODEL, check_model, is_mlflow_uri

_N_COLUMNS = 3 * len(BODY_15)


@dataclass(frozen=True)
class RegisteredLifter:
    """A version in the registry.

    Attributes:
        aliases: Names that point to this version, such as ``champion``.
        created: Milliseconds since 1970.
    """

    version: int
    aliases: tuple[str, ...]
    run_id: str
    created: int

    @property
    def uri(self) -> str:
        return f"models:/{MODEL}/{self.version}"


def register_lifter(folder: Path, example: np.ndarray) -> RegisteredLifter:
    """Log the lifter in ``folder`` to the current MLflow run, register it, make it champion.

    Args:
        example: A few BODY_15 poses (pose, 15, 3) in pixels, stored as input example.
    """
    logged = mlflow.pyfunc.log_model(
        name=MODEL,
        python_model=str(Path(__file__).with_name("pyfunc_lifter.py")),
        artifacts={"lifter": str(folder)},
        signature=_signature(),
        input_example=_as_rows(example),
        pip_requirements=[f"poselift=={version('poselift')}"],
    )
    client = connect()
    if not client.search_registered_models(f"name='{MODEL}'"):
        client.create_registered_model(MODEL, description="2D poses to 3D, learned from 2D alone.")
    made = client.create_model_version(
        MODEL, logged.model_uri, run_id=logged.run_id, model_id=logged.model_id
    )
    client.set_registered_model_alias(MODEL, CHAMPION, made.version)
    return _registered(client.get_model_version(MODEL, made.version))


def registered_by(run_id: str) -> RegisteredLifter | None:
    """Return the version that a run registered, the newest if there are several."""
    made = connect().search_model_versions(f"run_id = '{run_id}'")
    numbers = [int(version.version) for version in made if version.name == MODEL]
    if not numbers:
        return None
    return _registered(connect().get_model_version(MODEL, str(max(numbers))))


def forget_unregistered(run_id: str) -> None:
    """Delete what a run logged as models without registering it, before it was interrupted."""
    client = connect()
    experiment = client.get_run(run_id).info.experiment_id
    registered = {version.model_id for version in client.search_model_versions(f"name='{MODEL}'")}
    for model in client.search_logged_models([experiment], f"source_run_id = '{run_id}'"):
        if model.model_id not in registered:
            client.delete_logged_model(model.model_id)


def fetch_lifter(uri: str) -> Lifter:
    """Load a lifter by URI: ``bundled``, a folder, or MLflow's ``models:/pose-lifter@champion``.

    Raises:
        InputError: If there is no such lifter.
    """
    check_model(uri)
    if not is_mlflow_uri(uri):
        return load_lifter(uri)
    with tempfile.TemporaryDirectory() as folder:
        return load_lifter(download(uri, Path(folder)) / "artifacts" / "lifter")


def run_of(uri: str) -> str | None:
    """Return the id of the MLflow run that made a registered model; None for other URIs."""
    if not uri.startswith("models:/"):
        return None
    connect()
    return mlflow.models.get_model_info(uri).run_id


def label_of(uri: str) -> str:
    """Return a model's short name for people: ``pose-lifter 3``, ``bundled``, a folder's name."""
    return uri.removeprefix("models:/").replace("/", " ") if ":" in uri else Path(uri).name


def list_lifters() -> list[RegisteredLifter]:
    """Return all registered versions, newest first."""
    client = connect()
    versions = client.search_model_versions(f"name='{MODEL}'")
    found = [_registered(client.get_model_version(MODEL, str(v.version))) for v in versions]
    return sorted(found, key=lambda lifter: -lifter.version)


def promote(number: int) -> RegisteredLifter:
    """Point the champion alias at a version.

    Raises:
        InputError: If there is no such version.
    """
    known = [lifter.version for lifter in list_lifters()]
    if number not in known:
        listed = ", ".join(map(str, known)) or "none"
        raise InputError(f"{MODEL} has no version {number}; registered: {listed}")
    client = connect()
    client.set_registered_model_alias(MODEL, CHAMPION, str(number))
    return _registered(client.get_model_version(MODEL, str(number)))


def rollback() -> RegisteredLifter:
    """Point the champion alias at the version before the present champion.

    Raises:
        InputError: If there is no champion, or none before it.
    """
    lifters = list_lifters()
    champion = next((one for one in lifters if CHAMPION in one.aliases), None)
    if champion is None:
        raise InputError(f"{MODEL} has no champion to roll back; train or promote one first")
    older = [one.version for one in lifters if one.version < champion.version]
    if not older:
        raise InputError(f"version {champion.version} is the oldest of {MODEL}; nothing before it")
    return promote(max(older))


def as_table(lifters: list[RegisteredLifter]) -> list[dict[str, Any]]:
    """Return plain values of registered versions, for printing and JSON."""
    return [asdict(lifter) | {"uri": lifter.uri} for lifter in lifters]


def _registered(version: ModelVersion) -> RegisteredLifter:
    return RegisteredLifter(
        version=int(version.version),
        aliases=tuple(version.aliases),
        run_id=str(version.run_id),
        created=int(version.creation_timestamp),
    )


def _signature() -> ModelSignature:
    rows = Schema([TensorSpec(np.dtype(np.float32), (-1, _N_COLUMNS))])
    return ModelSignature(inputs=rows, outputs=rows)


def _as_rows(poses: np.ndarray) -> np.ndarray:
    return np.nan_to_num(poses).astype(np.float32).reshape(-1, _N_COLUMNS)
