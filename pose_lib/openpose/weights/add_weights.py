"""Weights that users add: a published ``.caffemodel`` recognized, checked and converted once.

CMU's models may not be passed on, so they cannot come with the package, and OpenCV 5 reads
``.caffemodel`` files no more.
"""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from safetensors.numpy import save

from pose_lib.errors import InputError
from pose_lib.files.atomic_write import write_atomic
from pose_lib.openpose.models import MODELS, BodyModel
from pose_lib.openpose.weights.caffemodel_reader import Blobs, read_caffemodel
from pose_lib.openpose.weights.weight_files import (
    AddedWeights,
    file_hash,
    record_path,
    unfilled_network,
    weights_path,
)

_CHECK_PATH = "check its path"

_BLOB_OF = {"weight": 0, "bias": 1}
"""Which of a Caffe layer's blobs a parameter of ours is."""


def add_weights(file: Path, added: Path, *, trusted_as: BodyModel | None = None) -> AddedWeights:
    """Convert a ``.caffemodel`` into the folder of added weights, where the model finds them.

    The user must have accepted the model's license before. Values are kept as float32: half the
    size would change the maps by a thousandth, and the published files are what others compare
    with.

    Args:
        file: The file that the model's authors published.
        added: Folder of the weights that the user added; made if it is not there.
        trusted_as: The model whose weights these are, if the user vouches for a file that was
            not published under a known hash.

    Raises:
        InputError: If the file cannot be read, is not known, or fits another network.
    """
    model = model_of(file, trusted_as=trusted_as)
    source_sha256 = file_hash(file, "sha256", remedy=_CHECK_PATH)
    state = state_dict(read_caffemodel(file), model, file)

    about = {"model": model.name, "license": model.license.name, "source_sha256": source_sha256}
    # In one entry: the library writes several in random order, and the same file would then
    # give another hash on each machine.
    content = save(state, metadata={"about": json.dumps(about)})
    write_atomic(weights_path(model, added), content)
    weights = AddedWeights(
        model=model.name,
        sha256=file_hash(weights_path(model, added), "sha256", remedy=_CHECK_PATH),
        n_bytes=len(content),
        source=file.name,
        source_sha256=source_sha256,
        is_published=model is recognized_model(file),
        license=model.license.name,
    )
    write_atomic(record_path(model, added), weights.to_json().encode())
    return weights


def model_of(file: Path, *, trusted_as: BodyModel | None = None) -> BodyModel:
    """Return the model whose weights a file holds.

    Args:
        trusted_as: As in ``add_weights``.

    Raises:
        InputError: If the file cannot be read or is not known.
    """
    model = trusted_as or recognized_model(file)
    if model is None:
        raise InputError(_unknown(file))
    if model.published is None:
        raise InputError(f"{model.name} comes with the package; it takes no other weights")
    return model


def recognized_model(file: Path) -> BodyModel | None:
    """Return the model whose published weights a file holds, by its hash.

    Raises:
        InputError: If the file cannot be read.
    """
    hashes: dict[str, str] = {}
    for model in MODELS:
        if published := model.published:
            name = published.hash_name
            hashes[name] = hashes.get(name) or file_hash(file, name, remedy=_CHECK_PATH)
            if hashes[name] == published.hash_value:
                return model
    return None


def _unknown(file: Path) -> str:
    published = [(model.name, model.published.name) for model in MODELS if model.published]
    known = ", ".join(f"{name} ({model})" for model, name in published)
    return (
        f"{file} is none of the published weights {known}, or damaged; download it again, or say "
        "--trust-as MODEL if you know where it comes from"
    )


def state_dict(
    layers: dict[str, Blobs], model: BodyModel, file: Path
) -> dict[str, Float32[np.ndarray, "..."]]:
    """Return the network's parameters from the layers of a ``.caffemodel``.

    A parameter's name ends in that of its layer and in what it is: ``...conv1_1.weight``. Layers
    that the network does not have are left out, as Caffe does: files hold some of the training.

    Args:
        file: Named in errors.

    Raises:
        InputError: If a layer is missing, has another shape, or a value is not finite.
    """
    state = {}
    for name, parameter in unfilled_network(model).state_dict().items():
        *_, layer, kind = name.split(".")
        blobs = layers.get(layer, [])
        place, shape = _BLOB_OF[kind], tuple(parameter.shape)
        found = blobs[place].shape if place < len(blobs) else None
        if found is None or _without_ones(found) != _without_ones(shape):
            raise InputError(
                f"{file} does not fit {model.name}: layer {layer} must have a {kind} of shape "
                f"{shape}, found {found or 'none'}"
            )
        state[name] = np.ascontiguousarray(blobs[place].reshape(shape))
        if not np.isfinite(state[name]).all():
            raise InputError(f"{file} has values that are no numbers in layer {layer}")
    return state


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape as old files, which have four axes for everything, and new ones agree."""
    return tuple(side for side in shape if side != 1)
