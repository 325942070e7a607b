"""OpenPose as an installed detector: what its results depend on, and a detector ready to work."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from pose_lib.extract.detector import DetectorIdentity, PersonDetector
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.models import BodyModel, model_named
from pose_lib.openpose.weights import find_weights, load_network
from pose_lib.processes.host import usable_cores

EDITION = 1
"""To be raised with every change of this program that changes what is found, so that no keypoint
store holds both."""


def load_detector(
    config: OpenPoseConfig, *, added_weights: Path | None = None, threads: int = 1
) -> PersonDetector:
    """Return a detector, its network compiled.

    Args:
        added_weights: Folder of the weights that the user added.
        threads: CPU threads of the network. One in each of several processes is the fastest.
            On a GPU they do not matter.

    Raises:
        InputError: If there is no such model, or its weights are missing or damaged.
    """
    from pose_lib.openpose.detector import OpenPoseDetector  # heavy, and `identify` is quick
    from pose_lib.openpose.engine import make_engine, on_gpu

    model = model_named(config.model)
    network = load_network(model, find_weights(model, added_weights))
    if on_gpu(config.engine):
        return gpu_detector(config, model, network)
    engine = make_engine(config.engine, network, precision=config.precision, threads=threads)
    return OpenPoseDetector(config, model, engine)


def identify(settings: OpenPoseConfig, weights: Path) -> DetectorIdentity:
    """Say what the results depend on: all settings but the engine, whose results agree.

    Half precision is not the same numbers everywhere, so those of this machine are told instead.
    """
    model = model_named(settings.model)
    table = asdict(settings) | {"edition": EDITION}
    engine = table.pop("engine")
    if settings.precision != "float32":
        from pose_lib.openpose.engine import number_type

        table["precision"] = number_type(engine, settings.precision)
    return DetectorIdentity(model.skeleton, find_weights(model, weights).sha256, table)


def load(settings: OpenPoseConfig, weights: Path, *, threads: int) -> PersonDetector:
    """Return the detector that the pipeline's settings ask for."""
    return load_detector(settings, added_weights=weights, threads=threads)


def gpu_detector(config: OpenPoseConfig, model: BodyModel, network: Any) -> PersonDetector:
    """Return a detector on the current GPU, with a worker process for every core but one.

    Args:
        network: A torch module.
    """
    from pose_lib.openpose.gpu_detector import BatchConfig, BatchDetector
    from pose_lib.openpose.gpu_network import CudaNetwork

    on_gpu = CudaNetwork(network, precision=config.precision)
    return BatchDetector(config, model, on_gpu, BatchConfig(max(1, usable_cores() - 1)))
