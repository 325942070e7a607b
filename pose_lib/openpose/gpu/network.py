"""A network that computes batches of images of one size, on a GPU without waiting for it."""

import contextlib
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from pose_lib.openpose.engine import Maps

Images = Sequence[UInt8[np.ndarray, "input_height input_width 3"]]
Places = Sequence[Float[np.ndarray, "channel _ _"]]

_WORTH_RECORDING = 4
"""Batches of one shape after which more of it are to be expected; recording takes a second."""


@runtime_checkable
class Computation(Protocol):
    """A batch on its way."""

    def done(self) -> bool:
        """Tell whether the maps are there."""
        ...

    def wait(self) -> None:
        """Return when the maps are there."""
        ...

    def seconds(self) -> float:
        """Return how long the network alone took, once all is done."""
        ...


@runtime_checkable
class BatchNetwork(Protocol):
    """Computes the maps of several images at once."""

    @property
    def map_type(self) -> np.dtype:
        """Number type of the maps."""
        ...

    def pin(self, memory: memoryview) -> None:
        """Make copies from and to this memory as quick as can be."""
        ...

    def unpin(self, memory: memoryview) -> None:
        """Undo ``pin`` before the memory goes."""
        ...

    def start(self, images: Images, maps: Places) -> Computation:
        """Begin to compute.

        Args:
            images: All of one size, blue, green, red; left as they are until all is done.
            maps: Where the maps of each image are put: heatmaps, then PAFs.
        """
        ...


@dataclass(frozen=True)
class Finished:
    """A batch that was computed at once."""

    took: float

    def done(self) -> bool:
        return True

    def wait(self) -> None:
        return

    def seconds(self) -> float:
        return self.took


class CpuNetwork:
    """The same computation on the CPU, for tests and comparisons; half is bfloat16 here."""

    def __init__(self, network: nn.Module, *, precision: str) -> None:
        self._type = torch.bfloat16 if precision == "half" else torch.float32
        self._network = _placed(network, "cpu", self._type)
        self.map_type = map_type(precision)

    def pin(self, memory: memoryview) -> None:
        """Do nothing: nothing is copied."""

    def unpin(self, memory: memoryview) -> None:
        """Do nothing."""

    @torch.inference_mode()
    def start(self, images: Images, maps: Places) -> Finished:
        begin = time.perf_counter()
        computed = forward(self._network, torch.from_numpy(np.stack(images)), self._type)
        for place, each in zip(maps, computed.float().numpy(), strict=True):
            place[...] = each
        return Finished(time.perf_counter() - begin)


@dataclass(frozen=True)
class _Graph:
    """A recorded computation, which takes its images from one place and leaves maps in another."""

    graph: torch.cuda.CUDAGraph
    images: Tensor
    maps: Tensor


@dataclass(frozen=True)
class _OnGpu:
    begin: torch.cuda.Event
    end: torch.cuda.Event
    copied: torch.cuda.Event

    def done(self) -> bool:
        return self.copied.query()

    def wait(self) -> None:
        self.copied.synchronize()

    def seconds(self) -> float:
        return self.begin.elapsed_time(self.end) / 1e3


class CudaNetwork:
    """Computes on a GPU, channels last; half is float16.

    Images are sent as bytes, and copies both ways go on beside the computation of other batches,
    in streams of their own. A shape of batch that keeps coming is recorded as a CUDA graph, for
    the CPU has little time left to launch hundreds of small kernels; others are launched kernel by
    kernel.
    """

    def __init__(
        self, network: nn.Module, *, precision: str, device: str = "cuda", most_graphs: int = 8
    ) -> None:
        self._type = torch.float16 if precision == "half" else torch.float32
        self._device = device
        self._network = _placed(network, device, self._type)
        self.map_type = map_type(precision)
        self._most_graphs = most_graphs
        self._graphs: OrderedDict[torch.Size, _Graph] = OrderedDict()
        self._times_seen: Counter[torch.Size] = Counter()
        # Graphs run one after the other and their maps are copied out at once, so they can share
        # the memory of all that lies between.
        self._graph_memory = torch.cuda.graph_pool_handle()
        self._upload, self._compute, self._download = (torch.cuda.Stream(device) for _ in range(3))
        torch.cuda.synchronize(device)  # the weights came by another stream

    def pin(self, memory: memoryview) -> None:
        """Let the GPU copy from and to this memory itself.

        Where the system refuses, CUDA copies through pinned memory of its own, which takes longer.
        """
        whole = torch.frombuffer(memory, dtype=torch.uint8)
        if int(torch.cuda.cudart().cudaHostRegister(whole.data_ptr(), whole.numel(), 0)):
            self._forget_last_error()

    def unpin(self, memory: memoryview) -> None:
        """Let go of the memory."""
        torch.cuda.synchronize(self._device)
        address = torch.frombuffer(memory, dtype=torch.uint8).data_ptr()
        if int(torch.cuda.cudart().cudaHostUnregister(address)):
            self._forget_last_error()

    def _forget_last_error(self) -> None:
        """Take away an error that was dealt with; torch would blame the next kernel for it."""
        with contextlib.suppress(RuntimeError):
            torch.ones(1, device=self._device)

    @torch.inference_mode()
    def start(self, images: Images, maps: Places) -> _OnGpu:
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        copied = torch.cuda.Event()
        batch = self._sent(images)
        self._compute.wait_stream(self._upload)
        with torch.cuda.stream(self._compute):
            graph = self._graph_for(batch)
            begin.record()
            computed = self._maps_of(batch, graph)
            end.record()
        self._download.wait_stream(self._compute)
        with torch.cuda.stream(self._download):
            for place, each in zip(maps, computed, strict=True):
                torch.from_numpy(place).copy_(each, non_blocking=True)
            copied.record()
        # Their memory is given to others only when these streams are through with it.
        batch.record_stream(self._compute)
        computed.record_stream(self._download)
        return _OnGpu(begin, end, copied)

    def _sent(self, images: Images) -> Tensor:
        with torch.cuda.stream(self._upload):
            shape = (len(images), *images[0].shape)
            batch = torch.empty(shape, dtype=torch.uint8, device=self._device)
            for place, image in zip(batch, images, strict=True):
                place.copy_(torch.from_numpy(image), non_blocking=True)
        return batch

    def _maps_of(self, batch: Tensor, graph: _Graph | None) -> Tensor:
        if graph is None:
            with _cudnn(tuned=False):
                return forward(self._network, batch, self._type)
        graph.images.copy_(batch)
        graph.graph.replay()
        return graph.maps.clone()  # the next replay writes to the same place

    def _graph_for(self, batch: Tensor) -> _Graph | None:
        """Return the graph for batches of this shape, if it came often enough to have one."""
        shape = batch.shape
        if shape in self._graphs:
            self._graphs.move_to_end(shape)
            return self._graphs[shape]
        self._times_seen[shape] += 1
        if self._times_seen[shape] < _WORTH_RECORDING:
            return None
        while len(self._graphs) >= self._most_graphs:
            self._compute.synchronize()
            self._graphs.popitem(last=False)
        self._graphs[shape] = self._recorded(batch)
        return self._graphs[shape]

    def _recorded(self, batch: Tensor) -> _Graph:
        images, graph = batch.clone(), torch.cuda.CUDAGraph()
        with _cudnn(tuned=True):
            for _ in range(2):  # cuDNN tries its algorithms, which cannot be recorded
                forward(self._network, images, self._type)
            record = torch.cuda.graph(
                graph,
                pool=self._graph_memory,
                stream=self._compute,
                capture_error_mode="thread_local",
            )
            with record:
                maps = forward(self._network, images, self._type)
        return _Graph(graph, images, maps)


def forward(
    network: nn.Module, images: UInt8[Tensor, "b height width 3"], number_type: torch.dtype
) -> Float[Tensor, "b channel h w"]:
    """Return heatmaps and PAFs in one, each map in one piece of memory."""
    # As they lie in memory, with the axes swapped, the images are what torch calls channels last.
    maps = network(images.permute(0, 3, 1, 2).to(number_type))
    return torch.cat(maps, dim=1).contiguous()


def split_maps(maps: Float[np.ndarray, "channel h w"], n_heatmaps: int) -> Maps:
    """Return heatmaps and PAFs."""
    return maps[:n_heatmaps], maps[n_heatmaps:]


def map_type(precision: str) -> np.dtype:
    """Return the number type in which maps leave a network of that precision."""
    return np.dtype(np.float16 if precision == "half" else np.float32)


def _placed(network: nn.Module, device: str, number_type: torch.dtype) -> nn.Module:
    return network.to(device, number_type).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _cudnn(*, tuned: bool) -> contextlib.AbstractContextManager[None]:
    """Try all algorithms, or take what cuDNN thinks best; never round float32 to TF32."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=tuned, allow_tf32=False)
