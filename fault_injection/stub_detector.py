"""A stand-in for a detector: what it finds follows from the picture's content, in no time.

It is a detector as another installed package would bring one: ``installed`` writes the few files
by which Python knows such a package, to be put on the path of a run. Two pictures are poison to it.
"""

import os
import time
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from fault_injection.crash_points import arm
from fault_injection.pictures import ABORTS, GROWS
from pose_lib.extract.detector import DetectorIdentity, PersonDetector
from pose_lib.extract.image_result import Picture
from pose_lib.keypoints import People
from pose_lib.skeleton import COCO_18, Skeleton

NAME = "stand-in"

SECONDS_VARIABLE = "POSELIFT_FAULTS_SECONDS"
"""What an image takes, spent asleep."""

_METADATA = "Metadata-Version: 2.1\nName: poselift-faults\nVersion: 0\n"
_MOST_PEOPLE = 4
_MOST_MEMORY = 3 << 30  # this machine has other work


def installed(folder: Path) -> Path:
    """Write what makes this module an installed detector; return the folder for the path."""
    package = folder / "poselift_faults-0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text(_METADATA)
    (package / "entry_points.txt").write_text(f"[poselift.detectors]\n{NAME} = {__name__}\n")
    return folder


def identify(settings: None, weights: Path) -> DetectorIdentity:  # noqa: ARG001 - the seam
    arm()  # in the flow's process
    return DetectorIdentity(COCO_18, "0" * 64)


def load(settings: None, weights: Path, *, threads: int) -> PersonDetector:  # noqa: ARG001
    arm()  # in a worker's process
    return _StandIn(float(os.environ.get(SECONDS_VARIABLE, "0")))


@dataclass(frozen=True)
class _StandIn:
    seconds: float
    skeleton: Skeleton = COCO_18
    min_side: int = 16

    def detect(self, image: Picture) -> People:
        if _is_plain(image, ABORTS):
            os.abort()
        if _is_plain(image, GROWS):
            _take_ever_more_memory()
        time.sleep(self.seconds)
        content = blake2b(image.tobytes(), digest_size=8).digest()
        source = np.random.default_rng(int.from_bytes(content))
        count = int(source.integers(0, _MOST_PEOPLE))
        keypoints = source.random((count, len(COCO_18), 3), np.float32)
        return People(keypoints, np.sort(source.random(count, np.float32))[::-1])


def _is_plain(image: Picture, color: tuple[int, int, int]) -> bool:
    return bool((image == np.array(color, np.uint8)).all())


def _take_ever_more_memory() -> None:
    taken: list[np.ndarray] = []
    while len(taken) < _MOST_MEMORY >> 25:
        taken.append(np.ones(32 << 20, np.uint8))  # ones, for zeros take no memory
        time.sleep(0.02)
    raise MemoryError(f"nothing kept a process from taking {_MOST_MEMORY} bytes")
