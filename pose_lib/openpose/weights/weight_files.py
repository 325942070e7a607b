"""The weights of the OpenPose models: where they lie, checked by hash before they are used."""

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from pose_lib.errors import InputError
from pose_lib.files.parsing import read_json, validation_errors
from pose_lib.openpose.models import BodyModel

if TYPE_CHECKING:  # it takes a second to import
    import torch

_BUNDLED_SHA256 = "9d037a4571a990ee1df49e2dc03a0168b66519119ca7908f49b349612f5cd931"
"""What ``tools/convert_openpose_weights.py`` makes; see NOTICE."""


_MAX_RECORD_BYTES = 1 << 16  # of some hundred bytes and a license's name


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights (safetensors) and the hash it must have.

    Weights decide every result, so a file that is truncated, or another one, must not pass
    unnoticed.

    Attributes:
        remedy: What to do if the file is missing or damaged.
    """

    path: Path
    sha256: str
    remedy: str = "install the package again"


@dataclass(frozen=True)
class AddedWeights:
    """Weights that a user added: what is kept beside the converted file.

    Attributes:
        model: Name of the model.
        sha256: Of the converted file.
        n_bytes: Its size.
        source: Name of the file that was added.
        source_sha256: Its hash.
        is_published: Whether that is the file the model's authors published; otherwise the user
            vouched for it.
        license: Terms of the weights.
    """

    model: str
    sha256: str
    n_bytes: int
    source: str
    source_sha256: str
    is_published: bool
    license: str

    def __post_init__(self) -> None:
        texts = (self.model, self.sha256, self.source, self.source_sha256, self.license)
        if not all(isinstance(text, str) for text in texts) or type(self.n_bytes) is not int:
            raise TypeError("a value is neither text nor number where it must be")

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


def find_weights(model: BodyModel, added: Path | None = None) -> WeightsFile:
    """Return where a model's weights lie.

    Args:
        added: Folder of the weights that the user added, if any.

    Raises:
        InputError: If they are not there.
    """
    if model.published is None:
        return bundled_weights()
    remedy = f"get {model.published.name}, then `poselift weights add {model.published.name}`"
    record = added_weights(model, added) if added else None
    if added is None or record is None:
        raise InputError(f"the weights of {model.name} do not come with the package: {remedy}")
    path = weights_path(model, added)
    if path.stat().st_size != record.n_bytes:  # the hash is checked when they are loaded
        raise InputError(f"the weights {path} are damaged: {remedy}")
    return WeightsFile(path, record.sha256, remedy)


def bundled_weights() -> WeightsFile:
    """Return the weights of mobilenet_thin, which come with the package."""
    path = Path(str(resources.files("pose_lib") / "data/openpose/mobilenet_thin.safetensors"))
    return WeightsFile(path, _BUNDLED_SHA256)


def added_weights(model: BodyModel, added: Path) -> AddedWeights | None:
    """Return what is known about a model's added weights, None where there are none.

    Raises:
        InputError: If what was kept beside them is damaged.
    """
    record = record_path(model, added)
    if not (record.is_file() and weights_path(model, added).is_file()):
        return None
    again = "run `poselift weights add` again"
    values = read_json(record, "record of weights", max_bytes=_MAX_RECORD_BYTES, remedy=again)
    with validation_errors(record, f"the record of added weights; {again}"):
        return AddedWeights(**values)


def weights_path(model: BodyModel, added: Path) -> Path:
    """Return where a model's weights lie once they are added."""
    return added / f"{model.name}.safetensors"


def record_path(model: BodyModel, added: Path) -> Path:
    """Return where ``AddedWeights`` lies beside a model's weights."""
    return added / f"{model.name}.json"


def load_network(model: BodyModel, weights: WeightsFile) -> "torch.nn.Module":
    """Read a weights file into the model's network, ready for inference.

    Raises:
        InputError: If the file is missing, has another hash, or fits another network.
    """
    import torch
    from safetensors.torch import load_file

    check_hash(weights)
    network = unfilled_network(model)
    try:
        # float32 weights stay in the mapped file, which all workers of a machine share.
        content = load_file(weights.path)
        state = {name: value.to(torch.float32) for name, value in content.items()}
        network.load_state_dict(state, assign=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        first_line = str(error).splitlines()[0]
        raise InputError(
            f"{weights.path} does not hold the weights of {model.name} ({first_line}); "
            f"{weights.remedy}"
        ) from error
    return network.eval().requires_grad_(False)


def unfilled_network(model: BodyModel) -> "torch.nn.Module":
    """Return the model's network without memory for its weights: names and shapes alone."""
    import torch

    with torch.device("meta"):
        return model.make_network()


def check_hash(weights: WeightsFile) -> None:
    """Raise an ``InputError`` if the file is not what it should be."""
    found = file_hash(weights.path, "sha256", remedy=weights.remedy)
    if found != weights.sha256:
        raise InputError(
            f"the OpenPose weights {weights.path} are damaged or others: sha256 {found[:16]}..., "
            f"expected {weights.sha256[:16]}...; {weights.remedy}"
        )


def file_hash(path: Path, hash_name: str, *, remedy: str) -> str:
    """Return a file's hash in hexadecimal.

    Args:
        hash_name: As ``hashlib`` calls it.
        remedy: What to do, for the error.

    Raises:
        InputError: If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, hash_name).hexdigest()
    except OSError as error:
        raise InputError(
            f"cannot read the OpenPose weights {path} ({error.strerror}); {remedy}"
        ) from error
