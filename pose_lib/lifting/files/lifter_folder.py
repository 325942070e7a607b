"""A trained lifter as a folder of safetensors and JSON; nothing in it can run code when loaded.

``lifter.safetensors`` holds the weights, ``lifter.json`` what they are and their hash, written
last. ``generator.safetensors`` and ``discriminator.safetensors`` hold the networks of the GAN.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib.resources import as_file, files
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as tensor_bytes
from torch import nn

from pose_lib.errors import InputError
from pose_lib.files.atomic_write import write_atomic
from pose_lib.files.parsing import validation_errors
from pose_lib.lifting.bone_length_table import as_plain, from_plain
from pose_lib.lifting.files.lifter_description import (
    BUNDLED,
    DESCRIPTION,
    REGISTRY_PREFIXES,
    SCHEMA,
    WEIGHTS,
    read_lifter_files,
)
from pose_lib.lifting.lifter import Lifter
from pose_lib.lifting.lifter_input import CONDITIONED_KINDS
from pose_lib.lifting.networks import Regressor
from pose_lib.lifting.tensor_state import Tensors, packed
from pose_lib.skeleton import BODY_15


def save_lifter(lifter: Lifter, folder: Path, *, half: bool = False) -> None:
    """Write a lifter into a folder, which is made if needed.

    Args:
        half: Store the weights as float16, which halves the file and changes poses by far less
            than their error.
    """
    dtype = torch.float16 if half else torch.float32
    weights = {name: value.to(dtype) for name, value in lifter.regressor.state_dict().items()}
    content = tensor_bytes(weights)
    write_atomic(folder / WEIGHTS, content)
    proportions = None
    if lifter.proportions is not None:
        proportions = dict(zip(CONDITIONED_KINDS, lifter.proportions.tolist(), strict=True))
    description = {
        "schema": SCHEMA,
        "skeleton": BODY_15.name,
        "joints": list(BODY_15.joints),
        "width": lifter.regressor.width,
        "proportions": proportions,
        "sources": as_plain(lifter.sources),
        "sha256": hashlib.sha256(content).hexdigest(),
        "origin": lifter.origin,
    }
    write_atomic(folder / DESCRIPTION, json.dumps(description, indent=2).encode())


def load_lifter(model: str | Path = BUNDLED) -> Lifter:
    """Load a lifter: the bundled one by default, else the one in a folder.

    Raises:
        InputError: If the folder holds none, or a damaged one.
    """
    if model == BUNDLED:
        return bundled_lifter()
    if str(model).startswith(REGISTRY_PREFIXES):
        raise InputError(
            f"{model} names a lifter of an MLflow registry, of which pose_lib knows nothing; load "
            f"it with tasks.mlflow_tracking.registry.fetch_lifter({str(model)!r})"
        )
    folder = Path(model)
    description, content = read_lifter_files(folder)
    with validation_errors(folder, "a lifter that this version knows"), _reading_tensors():
        regressor = _regressor(content, description["width"])
        told = description["proportions"]
        proportions = torch.tensor([told[kind] for kind in CONDITIONED_KINDS]) if told else None
        sources = from_plain(description.get("sources", {}))
        return Lifter(regressor, proportions, description["origin"], sources)


def bundled_lifter() -> Lifter:
    """Return the lifter that comes with the package, trained on 2D poses of MPII and CMU."""
    with as_file(files("pose_lib") / "data" / "lifter") as folder:
        return load_lifter(folder)


def save_networks(
    generators: Sequence[nn.Module], discriminators: Sequence[nn.Module], folder: Path
) -> None:
    """Write the GAN's networks; tensors of the n-th are named ``n/...`` from zero."""
    for name, networks in (("generator", generators), ("discriminator", discriminators)):
        tensors: Tensors = {}
        for number, network in enumerate(networks):
            tensors |= packed(str(number), network.state_dict())
        write_atomic(folder / f"{name}.safetensors", tensor_bytes(tensors))


@contextlib.contextmanager
def _reading_tensors() -> Iterator[None]:
    """Raise a ValueError where tensors are damaged or of other shapes than the network's."""
    try:
        yield
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(str(error)) from error


def _regressor(content: bytes, width: int) -> Regressor:
    weights = {name: value.float() for name, value in load_tensors(content).items()}
    # Before there is memory for a network of a width that the weights do not have.
    if type(width) is not int or width < 2 or len(weights["first.weight"]) != width // 2:
        raise ValueError(f"its weights are not {width!r} wide")
    regressor = Regressor(weights["table"], width, torch.Generator())
    regressor.load_state_dict(weights)
    return regressor.requires_grad_(False)
