"""Which OpenPose models can be used here, and what to do about the others."""

from dataclasses import dataclass
from pathlib import Path

from pose_lib.errors import InputError
from pose_lib.openpose.models import MODELS, BodyModel
from pose_lib.openpose.weights.weight_files import (
    added_weights,
    bundled_weights,
    unfilled_network,
    weights_path,
)

_BYTES_PER_WEIGHT = 4  # added weights are float32


@dataclass(frozen=True)
class Availability:
    """A model, and where its weights are.

    Attributes:
        parameters: Number of weights.
        n_bytes: Size of their file, also of one that is not there yet.
        where: ``bundled``, ``added``, ``missing`` or ``damaged``.
        remedy: What to do where they are missing or damaged, else empty.
    """

    model: str
    skeleton: str
    joints: int
    parameters: int
    n_bytes: int
    license: str
    where: str
    remedy: str


def available_models(added: Path) -> list[Availability]:
    """Return all models and where their weights are, without reading the weights.

    Args:
        added: Folder of the weights that the user added.
    """
    return [_availability(model, added) for model in MODELS]


def _availability(model: BodyModel, added: Path) -> Availability:
    n_weights = sum(weight.numel() for weight in unfilled_network(model).parameters())
    if model.published is None:
        n_bytes, where, remedy = bundled_weights().path.stat().st_size, "bundled", ""
    else:
        n_bytes = n_weights * _BYTES_PER_WEIGHT
        where = _where(model, added)
        remedy = "" if where == "added" else f"poselift weights add {model.published.name}"
    return Availability(
        model=model.name,
        skeleton=model.skeleton.name,
        joints=len(model.skeleton),
        parameters=n_weights,
        n_bytes=n_bytes,
        license=model.license.name,
        where=where,
        remedy=remedy,
    )


def _where(model: BodyModel, added: Path) -> str:
    try:
        record = added_weights(model, added)
    except InputError:
        return "damaged"
    if record is None:
        return "missing"
    return "added" if weights_path(model, added).stat().st_size == record.n_bytes else "damaged"
