"""Images per second of the detector, and how near the whole chain comes to the bare network.

    python benchmarks/detector.py [FOLDER] [--rounds 5] [--threads 1]

All parts take turns on every image, and the whole chain goes first in every other round, so that a
busy machine slows them alike: trust the ratios. Each part counts with its fastest round.
"""

import argparse
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.load import load_openpose
from pose_lib.openpose.people import people_in
from pose_lib.openpose.views import prepare, views_of

SAMPLE = Path(__file__).parents[1] / "pose_lib/data/sample"
PARTS = ("read JPEG", "resize", "network", "decode people")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path, nargs="?", default=SAMPLE, help="of JPEG files")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    detector = load_openpose(OpenPoseConfig(), threads=arguments.threads)
    cv2.setNumThreads(arguments.threads)
    files = readable_images(arguments.folder)
    if not files:
        parser.error(f"no readable JPEG file in {arguments.folder}")
    rounds = [
        [time_image(detector, content, chain_first=number % 2 == 1) for content in files]
        for number in range(arguments.rounds)
    ]
    report(rounds, n_people=sum(len(detector.detect(decoded(content))) for content in files))


def readable_images(folder: Path) -> list[np.ndarray]:
    contents = [np.fromfile(path, np.uint8) for path in sorted(folder.rglob("*.jp*g"))]
    return [content for content in contents if len(content) and decoded(content) is not None]


def decoded(content: np.ndarray) -> np.ndarray:
    return cv2.imdecode(content, cv2.IMREAD_COLOR)


def time_image(detector, content: np.ndarray, *, chain_first: bool) -> dict[str, float]:
    """Seconds of each part alone, and of the whole chain in one go.

    What runs second finds memory of the right size at hand.
    """
    seconds = {}

    def timed(part, function, *values):
        begin = time.perf_counter()
        result = function(*values)
        seconds[part] = time.perf_counter() - begin
        return result

    def chain():
        timed("whole chain", lambda: detector.detect(decoded(content)))

    def parts():
        image = timed("read JPEG", decoded, content)
        size = (image.shape[1], image.shape[0])
        (view,) = views_of(*size, detector.config)
        prepared = timed("resize", prepare, image, view)
        maps = timed("network", detector.engine, prepared)
        settings = ([view], size, detector.model, detector.config)
        timed("decode people", people_in, [maps], *settings)

    for run in (chain, parts) if chain_first else (parts, chain):
        run()
    return seconds


def report(rounds: list[list[dict[str, float]]], *, n_people: int) -> None:
    n_images = len(rounds[0])
    mean = defaultdict(float)
    for part in (*PARTS, "whole chain"):
        each = np.array([[image[part] for image in images] for images in rounds])
        mean[part] = float(each.min(axis=0).mean())
    chain, network = mean["whole chain"], mean["network"]
    print(f"{n_images} images, {n_people} people, {len(rounds)} rounds")
    for part in PARTS:
        print(f"{part:14s} {1e3 * mean[part]:7.2f} ms  {mean[part] / chain:6.1%} of the chain")
    print(f"bare network   {1 / network:7.2f} images/s")
    print(f"whole chain    {1 / chain:7.2f} images/s, {network / chain:.3f} of the bare network")


if __name__ == "__main__":
    main()
