"""What computes a network: OpenVINO, the fastest on a CPU, or torch, which defines it.

An engine takes one prepared image as it lies in memory and returns its maps.
"""

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Union

import numpy as np
from jaxtyping import Float, UInt8

if TYPE_CHECKING:  # they take a second to import
    import openvino
    import torch

Prepared = UInt8[np.ndarray, "input_height input_width 3"]
Maps = tuple[
    Float[np.ndarray, "joint_and_background _ _"],
    Float[np.ndarray, "x_and_y _ _"],
]
Engine = Callable[[Prepared], Maps]


def gpu_is_here() -> bool:
    """Tell whether this machine has a GPU that torch computes on."""
    if not _has_gpu_driver():
        return False  # before torch is imported, which takes a second
    import torch

    return torch.cuda.is_available()


def _has_gpu_driver() -> bool:
    """Tell whether there is NVIDIA's driver, or AMD's, for all that a file can tell."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return Path("/dev/kfd").exists()
    return True


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


def make_engine(name: str, network: "torch.nn.Module", *, precision: str, threads: int) -> Engine:
    """Return the engine of that name for a CPU.

    Args:
        name: One of ``config.ENGINES``; ``auto`` is OpenVINO.
        precision: One of ``config.PRECISIONS``; ``half`` is bfloat16 here.
        threads: CPU threads; torch's are those of the whole process.
    """
    if name == "torch":
        return torch_engine(network, precision=precision, threads=threads)
    from pose_lib.openpose.openvino_graph import openvino_model

    return openvino_engine(openvino_model(network), precision=precision, threads=threads)


def torch_engine(network: "torch.nn.Module", *, precision: str, threads: int) -> Engine:
    """Compute with torch, eager and channels last.

    Source:
        Measured: 157 ms an image of 656x368 on one core, where a trace frozen and optimized for
        inference took 280 with torch 2.13.
    """
    import torch

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


def openvino_engine(
    model: Union["openvino.Model", Path], *, precision: str, threads: int
) -> Engine:
    """Compute a model, or one that is kept in a file, with OpenVINO, compiled once for all sizes.

    Half precision is for processors that compute with bfloat16 (AMX or AVX512-BF16); others
    go on in float32.
    """
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # several processes would all pin themselves to one core
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "half" else "f32",
    }
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    request = compiled.create_infer_request()

    def predict(prepared: Prepared) -> Maps:
        # Shared outputs would be views into the request's memory, which the next image overwrites.
        maps = request.infer([prepared[None]], share_inputs=True, share_outputs=False)
        heatmaps, pafs = maps.values()
        return heatmaps[0], pafs[0]

    return predict
