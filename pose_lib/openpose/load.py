"""OpenPose as an installed detector: what its results depend on, and a detector ready to work."""

from dataclasses import asdict
from pathlib import Path

from pose_lib.extract.detector import DetectorIdentity, PersonDetector
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.detector import OpenPoseDetector
from pose_lib.openpose.engine import make_engine, number_type, on_gpu, openvino_engine
from pose_lib.openpose.kept_network import kept_network
from pose_lib.openpose.models import BodyModel, model_named
from pose_lib.openpose.weights.weight_files import WeightsFile, find_weights, load_network
from pose_lib.processes.host import usable_cores

EDITION = 1
"""To be raised with every change of this program that changes what is found, so that no keypoint
store holds both."""


def load_openpose(
    config: OpenPoseConfig, *, added_weights: Path | None = None, threads: int = 1
) -> PersonDetector:
    """Return a detector, its network compiled.

    Args:
        added_weights: Folder of the weights that the user added. Networks for OpenVINO are kept in
            it, so that the next process loads them without torch.
        threads: CPU threads of the network. One in each of several processes is the fastest.
            On a GPU they do not matter.

    Raises:
        InputError: If there is no such model, or its weights are missing or damaged.
    """
    model = model_named(config.model)
    weights = find_weights(model, added_weights)
    if on_gpu(config.engine):
        return _gpu_detector(config, model, weights)
    kept = None
    if added_weights is not None and config.engine != "torch":
        kept = kept_network(model, weights, added_weights / "compiled")
    if kept is not None:
        engine = openvino_engine(kept, precision=config.precision, threads=threads)
    else:
        network = load_network(model, weights)
        engine = make_engine(config.engine, network, precision=config.precision, threads=threads)
    return OpenPoseDetector(config, model, engine)


def identify(settings: OpenPoseConfig, weights: Path) -> DetectorIdentity:
    """Say what the results depend on: all settings but the engine, whose results agree.

    Half precision is float16 on some machines and bfloat16 on others, so the type is named instead.
    """
    model = model_named(settings.model)
    table = asdict(settings) | {"edition": EDITION}
    table["precision"] = number_type(table.pop("engine"), table["precision"])
    return DetectorIdentity(model.skeleton, find_weights(model, weights).sha256, table)


def load(settings: OpenPoseConfig, weights: Path, *, threads: int) -> PersonDetector:
    """Return the detector that the pipeline's settings ask for."""
    return load_openpose(settings, added_weights=weights, threads=threads)


def _gpu_detector(config: OpenPoseConfig, model: BodyModel, weights: WeightsFile) -> PersonDetector:
    """Return a detector on the current GPU, with a worker process for every core but one."""
    from pose_lib.openpose.gpu.detector import BatchConfig, BatchDetector
    from pose_lib.openpose.gpu.network import CudaNetwork

    network = CudaNetwork(load_network(model, weights), precision=config.precision)
    return BatchDetector(config, model, network, BatchConfig(max(1, usable_cores() - 1)))
