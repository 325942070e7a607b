"""The weights of the OpenPose models: where they lie, checked by hash before they are used."""

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from pose_lib.errors import InputError
from pose_lib.openpose.models import MOBILENET_THIN, BodyModel

_BUNDLED_SHA256 = "9d037a4571a990ee1df49e2dc03a0168b66519119ca7908f49b349612f5cd931"
"""What ``tools/convert_openpose_weights.py`` makes; see NOTICE."""


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights (safetensors) and the hash it must have.

    Weights decide every result, so a file that is truncated, or another one, must not pass
    unnoticed.
    """

    path: Path
    sha256: str


def find_weights(model: BodyModel, added: Path | None = None) -> WeightsFile:
    """Return where a model's weights lie.

    Args:
        added: Folder of the weights that the user added, if any.

    Raises:
        InputError: If they are not there.
    """
    if model is MOBILENET_THIN:
        return bundled_weights()
    raise InputError(f"the weights of {model.name} are not in {added}")


def bundled_weights() -> WeightsFile:
    """Return the weights of mobilenet_thin, which come with the package."""
    path = Path(str(resources.files("pose_lib") / "data/openpose/mobilenet_thin.safetensors"))
    return WeightsFile(path, _BUNDLED_SHA256)


def load_network(model: BodyModel, weights: WeightsFile) -> nn.Module:
    """Read a weights file into the model's network, ready for inference.

    Raises:
        InputError: If the file is missing, has another hash, or fits another network.
    """
    content = _read_checked(weights)
    network = model.make_network()
    try:
        state = {name: value.to(torch.float32) for name, value in load(content).items()}
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        first_line = str(error).splitlines()[0]
        raise InputError(
            f"{weights.path} does not hold the weights of {model.name} ({first_line}); "
            "use the file that tools/convert_openpose_weights.py makes"
        ) from error
    return network.eval().requires_grad_(False)


def _read_checked(weights: WeightsFile) -> bytes:
    try:
        content = weights.path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot read the OpenPose weights {weights.path} ({error.strerror}); "
            "install the package again"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != weights.sha256:
        raise InputError(
            f"the OpenPose weights {weights.path} are damaged or others: sha256 {found[:16]}..., "
            f"expected {weights.sha256[:16]}...; install the package again"
        )
    return content
