"""Images per second of OpenPose on a GPU: the bare network, then the whole chain from files.

    python -m benchmarks.gpu [IMAGES] [--count 2000] [--readers 4 8 16] [--batches 1 8 32 64]
    python -m benchmarks.gpu --device cpu      # the same steps in little, to see that they run

IMAGES is a folder, glob pattern or list; without it, the sample's pictures of 1280x720 are written
``--count`` times, each time in other bytes.

Three tables:

- the network alone, timed by CUDA events, median of many batches of random pictures; beside it the
  rates of a large matrix product and of a large copy on the same card, in the same run
- the whole chain, from files to people, with several numbers of worker processes; and the chain
  with the maps of one image for all, which shows what those processes could feed. The GPU is busy
  while a batch is computed; copies do not count
- how far maps and joints of this device and precision are from float32 on the CPU

Floors at 656x368, per image: the network 0.11 ms, the time in half precision to read and write
what its layers hold (0.44 GB at 4 TB/s); the bus 0.02 ms; the CPU 5.2 core-ms, most of it to decode
a JPEG. So the cores bound the chain: sixteen feed some 3,000 images/s, a third of the card's rate.
"""

import argparse
import functools
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.varied_images import write_varied_images
from pose_lib.datasets.sample import sample_images
from pose_lib.images.find import find_images
from pose_lib.images.source import ImageSource
from pose_lib.keypoints import People
from pose_lib.openpose.config import PRECISIONS, OpenPoseConfig
from pose_lib.openpose.gpu.detector import BatchConfig, BatchDetector
from pose_lib.openpose.gpu.network import BatchNetwork, CpuNetwork, CudaNetwork, Finished
from pose_lib.openpose.models import MOBILENET_THIN
from pose_lib.openpose.views import prepare, views_of
from pose_lib.openpose.weights.weight_files import bundled_weights, load_network

TARGET = "target: 1,000 images/s at 656x368, GPU busy 90 %"
FLOP_PER_PIXEL = 2 * 7.54e9 / (368 * 656)
"""Of mobilenet_thin, by its layers."""


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    height: int
    width: int
    matrix: int
    copied_bytes: int
    repeats: int


ON_GPU = Scale(height=368, width=656, matrix=8192, copied_bytes=1 << 30, repeats=50)
ON_CPU = Scale(height=96, width=160, matrix=512, copied_bytes=1 << 24, repeats=3)


def main() -> None:
    arguments = parsed_arguments()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("there is no GPU here; --device cpu runs the same steps in little")
    scale = ON_GPU if arguments.device == "cuda" else ON_CPU
    print(f"{device_name(arguments.device)}, torch {torch.__version__}\n{TARGET}\n")
    bare = measure_network(arguments.device, scale, arguments.batches)
    with tempfile.TemporaryDirectory() as folder:
        images = arguments.images or write_varied_images(Path(folder), arguments.count)
        measure_chain(arguments.device, scale, find_images(images), arguments.readers, bare)
    measure_agreement(arguments.device)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("images", nargs="?")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--count", type=int, help="images of the varied sample")
    parser.add_argument("--readers", type=int, nargs="+", help="worker processes")
    parser.add_argument("--batches", type=int, nargs="+", help="images of a batch")
    arguments = parser.parse_args()
    on_gpu = arguments.device == "cuda"
    arguments.count = arguments.count or (2000 if on_gpu else 24)
    arguments.readers = arguments.readers or ([4, 8, 16] if on_gpu else [1, 2])
    arguments.batches = arguments.batches or ([1, 8, 32, 64] if on_gpu else [1, 4])
    return arguments


def device_name(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    torch.set_num_threads(1)
    return "one CPU thread"


def network_on(device: str, precision: str) -> BatchNetwork:
    network = load_network(MOBILENET_THIN, bundled_weights())
    if device == "cuda":
        return CudaNetwork(network, precision=precision)
    return CpuNetwork(network, precision=precision)


def measure_network(device: str, scale: Scale, batch_sizes: list[int]) -> float:
    """Print the first table; return the best images per second in half precision."""
    copy = copy_rate(device, scale)
    print(
        f"network alone at {scale.width}x{scale.height}; copy on the device {copy / 1e9:.0f} GB/s"
    )
    print("precision  batch  ms/batch  images/s   TFLOP/s  of the GEMM peak")
    best = 0.0
    for precision in PRECISIONS:
        peak = product_rate(device, scale, precision)
        network = network_on(device, precision)
        for size in batch_sizes:
            seconds = network_seconds(network, size, scale)
            rate = size / seconds
            flops = rate * FLOP_PER_PIXEL * scale.height * scale.width
            print(
                f"{precision:9}  {size:5}  {1e3 * seconds:8.2f}  {rate:8.0f}  "
                f"{flops / 1e12:8.2f}  {flops / peak:.3f} of {peak / 1e12:.1f}",
                flush=True,
            )
            best = max(best, rate) if precision == "half" else best
    return best


def network_seconds(network: BatchNetwork, size: int, scale: Scale) -> float:
    """Return the median seconds of a batch; the first ones, which are recorded, do not count."""
    random = np.random.default_rng(0)
    shape = (size, scale.height, scale.width, 3)
    pictures = [random.integers(0, 256, shape, np.uint8) for _ in range(3)]
    maps = np.empty((size, 57, scale.height // 8, scale.width // 8), network.map_type)
    seconds = []
    for number in range(6 + scale.repeats):
        computation = network.start(list(pictures[number % 3]), list(maps))
        computation.wait()
        seconds.append(computation.seconds())
    return statistics.median(seconds[6:])


def product_rate(device: str, scale: Scale, precision: str) -> float:
    """Return the floating-point operations per second of a large matrix product."""
    half = torch.float16 if device == "cuda" else torch.bfloat16
    number_type = half if precision == "half" else torch.float32
    a, b = (torch.randn(scale.matrix, scale.matrix, device=device).to(number_type) for _ in "ab")
    return 2 * scale.matrix**3 / timed(device, lambda: a @ b, scale.repeats)


def copy_rate(device: str, scale: Scale) -> float:
    """Return bytes read and written per second of a large copy within the device."""
    source = torch.randint(0, 256, (scale.copied_bytes,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * scale.copied_bytes / timed(device, lambda: target.copy_(source), scale.repeats)


def timed(device: str, action, repeats: int) -> float:
    """Return the median seconds of an action on the device."""
    seconds = []
    for _ in range(3 + repeats):
        if device == "cuda":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            action()
            end.record()
            end.synchronize()
            seconds.append(begin.elapsed_time(end) / 1e3)
        else:
            start = time.perf_counter()
            action()
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[3:])


class Watched:
    """A network that adds up how long it is busy."""

    def __init__(self, network: BatchNetwork) -> None:
        self._network = network
        self.map_type = network.map_type
        self.pin, self.unpin = network.pin, network.unpin
        self.computations = []

    def start(self, images, maps):
        self.computations.append(self._network.start(images, maps))
        return self.computations[-1]

    def busy_seconds(self) -> float:
        return sum(computation.seconds() for computation in self.computations)


class OneAnswer:
    """Gives every image the maps of one and the same, for the speed of all but the network."""

    def __init__(self, maps: np.ndarray) -> None:
        self._maps = maps
        self.map_type = maps.dtype

    def pin(self, memory: memoryview) -> None:
        """Do nothing."""

    def unpin(self, memory: memoryview) -> None:
        """Do nothing."""

    def start(self, images, maps) -> Finished:  # noqa: ARG002
        for place in maps:
            place[...] = self._maps
        return Finished(0.0)


def one_answer(source: ImageSource, config: OpenPoseConfig, network: BatchNetwork) -> OneAnswer:
    """Compute the maps of the first image, for others of its size."""
    picture = source.read(source.names[0])
    prepared = prepare(picture, views_of(picture.shape[1], picture.shape[0], config)[0])
    cells = (57, prepared.shape[0] // 8, prepared.shape[1] // 8)
    maps = np.empty(cells, network.map_type)
    network.start([prepared], [maps]).wait()
    return OneAnswer(maps)


def measure_chain(
    device: str, scale: Scale, source: ImageSource, readers: list[int], bare: float
) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    config = OpenPoseConfig(precision="half", input_height=scale.height)
    network = network_on(device, "half")
    print(f"\nwhole chain, {len(source)} files, half precision, {cores} cores")
    print(
        "readers  without a network  images/s  of the bare network  GPU busy  "
        "this process's ms an image"
    )
    for n in readers:
        without, _ = run_chain(source, config, one_answer(source, config, network), n)
        watched = Watched(network)
        rate, own_seconds = run_chain(source, config, watched, n)
        busy = watched.busy_seconds() * rate / len(source)
        print(
            f"{n:7}  {without:17.0f}  {rate:8.0f}  {rate / bare:19.3f}  {busy:8.2f}  "
            f"{1e3 * own_seconds:.2f}",
            flush=True,
        )


def run_chain(
    source: ImageSource, config: OpenPoseConfig, network: BatchNetwork, readers: int
) -> tuple[float, float]:
    """Return images per second, with all processes started before, and this one's core-seconds."""
    detector = BatchDetector(config, MOBILENET_THIN, network, BatchConfig(readers))
    try:
        for _ in detector.detect_many(list(reads_of(source))[: 256 * readers]):
            pass
        if isinstance(network, Watched):
            network.computations.clear()
        start, own_start = time.perf_counter(), time.process_time()
        for _ in detector.detect_many(reads_of(source)):
            pass
        own_seconds = time.process_time() - own_start
        return len(source) / (time.perf_counter() - start), own_seconds / len(source)
    finally:
        detector.close()


def reads_of(source: ImageSource) -> Iterator[functools.partial]:
    return (functools.partial(source.only((name,)).read, name) for name in source.names)


def measure_agreement(device: str) -> None:
    """Print how far maps and joints are from those of float32 on the CPU."""
    source = find_images(sample_images())
    pictures = [source.read(name) for name in source.names if name.startswith("demo_")]
    truth = BatchDetector(
        OpenPoseConfig(), MOBILENET_THIN, network_on("cpu", "float32"), BatchConfig(1)
    )
    print(f"\nagreement with float32 on the CPU, {len(pictures)} pictures")
    print("precision  largest map difference  people  joints moved: median, 99 %, most, in pixels")
    for precision in PRECISIONS:
        config = OpenPoseConfig(precision=precision)
        other = BatchDetector(config, MOBILENET_THIN, network_on(device, precision), BatchConfig(1))
        difference = max(map_difference(truth, other, picture) for picture in pictures)
        found = [(truth.detect(picture), other.detect(picture)) for picture in pictures]
        moved = np.concatenate([distances(*pair) for pair in found])
        counts = "/".join(str(sum(map(len, people))) for people in zip(*found, strict=True))
        print(
            f"{precision:9}  {difference:22.5f}  {counts:>6}  {np.median(moved):.3f}, "
            f"{np.quantile(moved, 0.99):.3f}, {moved.max():.3f}"
        )


def map_difference(one: BatchDetector, other: BatchDetector, picture: np.ndarray) -> float:
    height, width = picture.shape[:2]
    prepared = prepare(picture, views_of(width, height, one.config)[0])
    maps = []
    for detector in (one, other):
        cells = (57, prepared.shape[0] // 8, prepared.shape[1] // 8)
        maps.append(np.empty(cells, detector.network.map_type))
        detector.network.start([prepared], [maps[-1]]).wait()
    return float(np.abs(maps[0] - maps[1].astype(np.float32)).max())


def distances(truth: People, people: People) -> np.ndarray:
    """Return how far each joint is from that of the same person, where both have it."""
    n = min(len(truth), len(people))  # in order of score; the sample's pictures show one person
    moved = np.linalg.norm(
        truth.keypoints[:n, :, :2] - people.keypoints[:n, :, :2], axis=-1
    ).ravel()
    return moved[np.isfinite(moved)]


if __name__ == "__main__":
    main()
