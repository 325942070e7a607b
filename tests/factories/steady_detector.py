"""A detector that takes the time a test needs, as another installed package would bring one.

It finds one person in each picture, at a place that depends on the picture's content.
"""

import os
import time
from pathlib import Path

import cv2
import numpy as np

from pose_lib.extract.detector import DetectorIdentity
from pose_lib.keypoints import People
from pose_lib.skeleton import COCO_18

SECONDS = "STEADY_SECONDS"


class SteadyDetector:
    skeleton = COCO_18
    min_side = 1

    def detect(self, image):
        time.sleep(float(os.environ.get(SECONDS, "0.1")))
        person = np.full((1, len(COCO_18), 3), image.mean(), np.float32)
        return People(person, np.ones(1, np.float32))


def identify(config, weights):
    return DetectorIdentity(COCO_18, "steady")


def load(config, weights, *, threads):
    return SteadyDetector()


def install(folder):
    """Make a folder that brings the detector ``steady`` to whoever has it on the path."""
    known = folder / "steady_detector-1.0.dist-info"
    known.mkdir(parents=True)
    (known / "METADATA").write_text("Metadata-Version: 2.1\nName: steady-detector\nVersion: 1.0\n")
    (known / "entry_points.txt").write_text("[poselift.detectors]\nsteady = steady_detector\n")
    (folder / "steady_detector.py").write_bytes(Path(__file__).read_bytes())
    return folder


def make_pictures(folder, n):
    """Write pictures of different plain greys."""
    folder.mkdir()
    for index in range(n):
        cv2.imwrite(str(folder / f"{index:03}.png"), np.full((16, 16, 3), index, np.uint8))
