"""The bundled OpenPose weights, checked by hash before they are used."""

import hashlib
from importlib import resources
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from pose_lib.errors import InputError
from pose_lib.openpose.mobilenet_thin import MobilenetThin

BUNDLED_SHA256 = "9d037a4571a990ee1df49e2dc03a0168b66519119ca7908f49b349612f5cd931"
"""What ``tools/convert_openpose_weights.py`` makes; see NOTICE."""


def bundled_weights() -> Path:
    """Return the file with the weights that come with the package."""
    return Path(str(resources.files("pose_lib") / "data/openpose/mobilenet_thin.safetensors"))


def load_network(weights: Path, *, sha256: str) -> MobilenetThin:
    """Read a weights file into the network, ready for inference.

    Args:
        sha256: The hash that the file must have. Weights decide every result, so a file that is
            truncated, or another one, must not pass unnoticed.

    Raises:
        InputError: If the file is missing, has another hash, or fits another network.
    """
    content = _read_checked(weights, sha256)
    try:
        state = {name: value.to(torch.float32) for name, value in load(content).items()}
        network = MobilenetThin()
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        first_line = str(error).splitlines()[0]
        raise InputError(
            f"{weights} does not hold mobilenet_thin weights ({first_line}); "
            "use the file that tools/convert_openpose_weights.py makes"
        ) from error
    return network.eval().requires_grad_(False)


def _read_checked(weights: Path, sha256: str) -> bytes:
    try:
        content = weights.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot read the OpenPose weights {weights} ({error.strerror}); "
            "install the package again"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise InputError(
            f"the OpenPose weights {weights} are damaged or others: sha256 {found[:16]}..., "
            f"expected {sha256[:16]}...; install the package again"
        )
    return content
