"""What computes a network: OpenVINO, the fastest on a CPU, or torch, which defines it.

An engine takes one prepared image as it lies in memory and returns its maps.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import nn

Prepared = UInt8[np.ndarray, "input_height input_width 3"]
Maps = tuple[
    Float[np.ndarray, "joint_and_background _ _"],
    Float[np.ndarray, "x_and_y _ _"],
]
Engine = Callable[[Prepared], Maps]


def gpu_is_here() -> bool:
    """Tell whether this machine has a GPU that torch computes on."""
    return torch.cuda.is_available()


def on_gpu(name: str) -> bool:
    """Tell whether the engine of that name computes on a GPU here."""
    return name in ("auto", "torch") and gpu_is_here()


def number_type(name: str, precision: str) -> str:
    """Return the numbers in which the engine of that name computes here."""
    if precision == "float32":
        return "float32"
    if on_gpu(name):
        return "float16"
    if name == "torch":
        return "bfloat16"
    import openvino

    capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bfloat16" if "BF16" in capabilities else "float32"


def make_engine(name: str, network: nn.Module, *, precision: str, threads: int) -> Engine:
    """Return the engine of that name for a CPU.

    Args:
        name: One of ``ENGINES``; ``auto`` is OpenVINO.
        precision: One of ``PRECISIONS``; ``half`` is bfloat16 here.
        threads: CPU threads; torch's are those of the whole process.
    """
    if name == "torch":
        return torch_engine(network, precision=precision, threads=threads)
    return openvino_engine(network, precision=precision, threads=threads)


def torch_engine(network: nn.Module, *, precision: str, threads: int) -> Engine:
    """Compute with torch, eager and channels last.

    Source:
        Measured: 157 ms an image of 656x368 on one core, where a trace frozen and optimized for
        inference took 280 with torch 2.13.
    """
    torch.set_num_threads(threads)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def predict(prepared: Prepared) -> Maps:
        # A view with the axes swapped is what torch calls channels last, its fastest layout here.
        batch = torch.from_numpy(prepared)[None].permute(0, 3, 1, 2).float()
        half = torch.autocast("cpu", torch.bfloat16, enabled=precision == "half")
        with torch.inference_mode(), half:
            heatmaps, pafs = network(batch)
        return heatmaps[0].float().numpy(), pafs[0].float().numpy()

    return predict


def openvino_engine(network: nn.Module, *, precision: str, threads: int) -> Engine:
    """Compute with OpenVINO, compiled once for all image sizes.

    Half precision is for processors that compute with bfloat16 (AMX or AVX512-BF16); others
    go on in float32.
    """
    import openvino

    from pose_lib.openpose.openvino_graph import openvino_model

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # several processes would all pin themselves to one core
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "half" else "f32",
    }
    compiled = openvino.Core().compile_model(openvino_model(network), "CPU", settings)
    request = compiled.create_infer_request()

    def predict(prepared: Prepared) -> Maps:
        # Shared outputs would be views into the request's memory, which the next image overwrites.
        maps = request.infer([prepared[None]], share_inputs=True, share_outputs=False)
        heatmaps, pafs = maps.values()
        return heatmaps[0], pafs[0]

    return predict
