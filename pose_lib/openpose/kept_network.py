"""Networks kept as files of OpenVINO's, so that a process need not import torch to compute one.

To import torch and translate the network takes each worker a second and a half, reading it 0.1 s.
"""

import contextlib
import hashlib
import tempfile
from pathlib import Path

from pose_lib.openpose.models import BodyModel
from pose_lib.openpose.weights.weight_files import WeightsFile, check_hash, load_network

_NETWORK, _HASH = "network.xml", "sha256"
_SOURCES = Path(__file__).parent


def kept_network(model: BodyModel, weights: WeightsFile, folder: Path) -> Path | None:
    """Return the file of a network in a folder, made there where it is not or is damaged.

    It serves this program, this version of OpenVINO and these weights alone.

    Returns:
        None if it cannot be kept there.

    Raises:
        InputError: If the weights are missing or damaged.
    """
    check_hash(weights)
    place = folder / f"{model.name}-{_version(weights)}"
    if not _is_whole(place):
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            _make(model, weights, place)
    return place / _NETWORK if _is_whole(place) else None


def _make(model: BodyModel, weights: WeightsFile, place: Path) -> None:
    import openvino

    from pose_lib.openpose.openvino_graph import openvino_model

    graph = openvino_model(load_network(model, weights))
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".made-") as made:
        openvino.save_model(graph, Path(made, _NETWORK), compress_to_fp16=False)
        Path(made, _HASH).write_text(_hash_of(Path(made)))
        for file in place.glob("*"):  # a damaged one
            file.unlink()
        Path(made).chmod(0o755)  # as other folders are
        Path(made).replace(place)  # fails where another process was first, which is as good
        Path(made).mkdir()  # for the end of the block


def _version(weights: WeightsFile) -> str:
    """Return what changes with anything that the network depends on."""
    import openvino

    parts = [weights.sha256, openvino.__version__]
    parts += [path.read_text() for path in sorted(_SOURCES.rglob("*.py"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _is_whole(place: Path) -> bool:
    try:
        return (place / _HASH).read_text() == _hash_of(place)
    except OSError:
        return False


def _hash_of(place: Path) -> str:
    found = hashlib.sha256()
    for suffix in (".xml", ".bin"):
        found.update((place / _NETWORK).with_suffix(suffix).read_bytes())
    return found.hexdigest()
