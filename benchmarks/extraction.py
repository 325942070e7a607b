"""Images per second of the whole extraction, beside the bare network on the same cores.

    python benchmarks/extraction.py [IMAGES] [--workers 2] [--rounds 2]

IMAGES is a folder, glob pattern or video; 200 images or more say something. Without it, the bundled
sample is taken in 16 qualities of JPEG, 240 files of different content. The bare network runs
in as many processes as there are workers, one thread each, on images that lie in memory. Both take
turns, so that a busy machine slows them alike: trust the ratio. The extraction counts from the call
of the flow to its published store, with the start of Dask but not of the Prefect server.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

from flows.runner import KEEP_MEMORY
from flows.services import prefect_api, set_environment
from pose_lib.formats.images import ImageSource, find_images
from pose_lib.formats.pictures import write_image
from pose_lib.openpose.detector import DetectorConfig, load_detector, prepare_image
from pose_lib.sample import BROKEN_IMAGE, sample_images
from tasks.workspace import Workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("images", nargs="?")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()

    os.environ["POSELIFT_WORKERS"] = str(arguments.workers)
    os.environ.update(KEEP_MEMORY)  # for the processes of the bare network, as for the workers
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        set_environment(workspace)
        images = arguments.images or varied_sample(Path(folder) / "images")
        source = find_images(images)
        with prefect_api(workspace):
            for number in range(arguments.rounds):
                network = bare_network(source, arguments.workers)
                whole = whole_extraction(images, Path(folder) / f"{number}.zarr")
                report(len(source), network, whole)


def varied_sample(folder: Path) -> str:
    source = find_images(sample_images())
    for name in source.names:
        if name == BROKEN_IMAGE:
            continue
        for quality in range(80, 96):
            write_image(folder / f"{quality}_{name}", source.read(name), quality=quality)
    return str(folder)


def bare_network(source: ImageSource, n_workers: int) -> float:
    """Return the seconds of the slowest process when all share the images."""
    shares = [source.only(source.names[first::n_workers]) for first in range(n_workers)]
    with multiprocessing.get_context("spawn").Pool(n_workers) as pool:
        return max(pool.map(network_seconds, shares))


def network_seconds(source: ImageSource) -> float:
    config = DetectorConfig()
    detector = load_detector(config, threads=1)
    prepared = [prepare_image(source.read(name), config) for name in source.names]
    detector.predict_maps(prepared[0])
    begin = time.perf_counter()
    for image in prepared:
        detector.predict_maps(image)
    return time.perf_counter() - begin


def whole_extraction(images: str, store: Path) -> float:
    from flows.extract import extract_keypoints

    begin = time.perf_counter()
    extract_keypoints(images, store)
    return time.perf_counter() - begin


def report(n_images: int, network: float, whole: float) -> None:
    print(
        f"{n_images} images  bare network {n_images / network:.2f}/s  "
        f"extraction {n_images / whole:.2f}/s  ratio {network / whole:.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
