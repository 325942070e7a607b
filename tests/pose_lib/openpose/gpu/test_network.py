import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pose_lib.openpose.gpu import network as gpu_network
from pose_lib.openpose.gpu.network import CpuNetwork, CudaNetwork
from pose_lib.openpose.models import MOBILENET_THIN
from pose_lib.openpose.weights.weight_files import bundled_weights, load_network

real_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


class PretendGpu:
    """Stands in for CUDA, so that all but the speed of ``CudaNetwork`` can be seen on a CPU.

    Recording keeps what was computed; replaying computes it again from what now lies there.
    """

    def __init__(self, monkeypatch):
        self.recorded = self.replayed = 0
        self._recording = None
        self._forward = gpu_network.forward
        stream = SimpleNamespace(wait_stream=lambda other: None, synchronize=lambda: None)
        for name, stand_in in {
            "Stream": lambda device: stream,
            "stream": lambda stream: contextlib.nullcontext(),
            "synchronize": lambda device: None,
            "graph_pool_handle": lambda: None,
            "Event": _Event,
            "CUDAGraph": lambda: _Graph(self),
            "graph": self._record,
            "cudart": lambda: SimpleNamespace(
                cudaHostRegister=lambda *_: 1, cudaHostUnregister=lambda *_: 1
            ),
        }.items():
            monkeypatch.setattr(torch.cuda, name, stand_in)
        monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: None)
        monkeypatch.setattr(gpu_network, "forward", self._seen)

    @contextlib.contextmanager
    def _record(self, graph, **_):
        self.recorded += 1
        self._recording = graph
        yield
        self._recording = None

    def _seen(self, *arguments):
        maps = self._forward(*arguments)
        if self._recording:
            self._recording.compute = lambda: maps.copy_(self._forward(*arguments))
        return maps


class _Graph(torch.cuda.CUDAGraph):
    def __new__(cls, *_):
        return object.__new__(cls)

    def __init__(self, gpu):
        self._gpu = gpu

    def replay(self):
        self._gpu.replayed += 1
        self.compute()


class _Event(torch.cuda.Event):
    def __new__(cls, **_):
        return object.__new__(cls)

    def __init__(self, enable_timing=False):
        self.record = self.synchronize = lambda: None
        self.query = lambda: True
        self.elapsed_time = lambda other: 1.0


@pytest.fixture
def gpu(monkeypatch):
    if torch.version.cuda:
        pytest.skip("this torch knows real GPUs, which have tests of their own")
    return PretendGpu(monkeypatch)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def network():
    return load_network(MOBILENET_THIN, bundled_weights())


def images(n, width=64, seed=0):
    return list(np.random.default_rng(seed).integers(0, 256, (n, 64, width, 3), np.uint8))


def maps_by(network, images):
    height, width, _ = images[0].shape
    places = [
        np.full((57, height // 8, width // 8), np.nan, network.map_type) for _ in range(len(images))
    ]
    computation = network.start(images, places)
    computation.wait()
    assert computation.done()
    assert computation.seconds() > 0
    return np.stack(places)


def test_every_image_of_a_batch_gets_the_maps_it_would_get_alone():
    on_cpu = CpuNetwork(network(), precision="float32")
    batch = images(3)
    alone = np.concatenate([maps_by(on_cpu, [image]) for image in batch])
    np.testing.assert_allclose(maps_by(on_cpu, batch), alone, atol=1e-4)


def test_images_that_follow_a_recorded_batch_get_maps_of_their_own(gpu):
    on_cpu = CpuNetwork(network(), precision="float32")
    pretended = CudaNetwork(network(), precision="float32", device="cpu")
    for seed in range(7):
        batch = images(2, seed=seed)
        np.testing.assert_allclose(maps_by(pretended, batch), maps_by(on_cpu, batch), atol=1e-4)
    assert (gpu.recorded, gpu.replayed) == (1, 4)


def test_shapes_that_hardly_come_are_not_recorded(gpu):
    pretended = CudaNetwork(network(), precision="float32", device="cpu")
    for n in range(1, 6):
        maps_by(pretended, images(n))
    assert gpu.recorded == 0


def test_of_too_many_recordings_the_one_used_longest_ago_goes(gpu):
    pretended = CudaNetwork(network(), precision="float32", device="cpu", most_graphs=2)
    for width in (64, 80):
        for _ in range(4):
            maps_by(pretended, images(1, width))
    maps_by(pretended, images(1, 64))
    for _ in range(4):
        maps_by(pretended, images(1, 96))  # takes the place of 80
    assert gpu.recorded == 3
    maps_by(pretended, images(1, 64))
    assert gpu.recorded == 3
    maps_by(pretended, images(1, 80))
    assert gpu.recorded == 4


def test_memory_that_cannot_be_pinned_is_used_as_it_is(gpu):
    pretended = CudaNetwork(network(), precision="float32", device="cpu")
    memory = memoryview(bytearray(4096))
    pretended.pin(memory)
    pretended.unpin(memory)
    assert np.isfinite(maps_by(pretended, images(1))).all()


@real_gpu
def test_a_gpu_computes_float32_as_the_cpu_does():
    on_cpu = CpuNetwork(network(), precision="float32")
    on_gpu = CudaNetwork(network(), precision="float32")
    for seed in range(6):
        batch = images(2, seed=seed)
        np.testing.assert_allclose(maps_by(on_gpu, batch), maps_by(on_cpu, batch), atol=1e-3)


@real_gpu
def test_half_precision_on_a_gpu_is_near():
    on_cpu = CpuNetwork(network(), precision="float32")
    on_gpu = CudaNetwork(network(), precision="half")
    for seed in range(6):
        batch = images(2, seed=seed)
        np.testing.assert_allclose(maps_by(on_gpu, batch), maps_by(on_cpu, batch), atol=0.05)
