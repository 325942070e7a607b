"""Average precision and recall of found people, as COCO's keypoint evaluation measures them.

Source:
    COCO's evaluation (cocodataset.org/#keypoints-eval): found people choose in order of their score
    the most similar true person left; precision is made non-increasing and read at 101 recalls.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

MOST_PEOPLE = 20
"""Found people of one image that count, by score; COCO's ``maxDets`` for keypoints."""
OKS_THRESHOLDS: Float[np.ndarray, "threshold"] = np.linspace(0.5, 0.95, 10)
RECALLS: Float[np.ndarray, "recall"] = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Candidates:
    """The found people of one image and how similar they are to the true ones.

    Attributes:
        similarity: Such as ``oks``, 0 to 1.
        score: Of each found person, higher is better.
        ignored: True people who need not be found; finding them is neither right nor wrong.
        crowd: Those of the ignored who stand for many, and may be found many times.
    """

    similarity: Float[np.ndarray, "truth found"]
    score: Float[np.ndarray, "found"]
    ignored: Bool[np.ndarray, "truth"]
    crowd: Bool[np.ndarray, "truth"]

    def __post_init__(self) -> None:
        if np.any(self.crowd & ~self.ignored):
            raise ValueError("a crowd must be ignored: nobody knows how often it is to be found")


@dataclass(frozen=True)
class PrecisionRecall:
    """What one similarity threshold gives.

    Attributes:
        precision: At each of ``RECALLS``, 0 to 1; NaN where nobody is to be found.
        recall: Share of the true people that are found.
    """

    precision: Float[np.ndarray, "101"]
    recall: float

    @property
    def average_precision(self) -> float:
        return float(self.precision.mean())


def precision_recall(images: Sequence[Candidates], *, threshold: float) -> PrecisionRecall:
    """Judge the people found in many images, the highest score first.

    Args:
        threshold: Least similarity of a found person who is right.
    """
    n_truth = sum(int((~image.ignored).sum()) for image in images)
    if n_truth == 0:
        return PrecisionRecall(np.full(len(RECALLS), np.nan), float("nan"))
    judged = [_judge(image, threshold) for image in images]
    score = np.concatenate([score for score, _ in judged])
    right = np.concatenate([right for _, right in judged])[np.argsort(-score, kind="stable")]

    n_right = np.cumsum(right)
    recall = n_right / n_truth
    precision = n_right / (np.arange(1, len(right) + 1) + np.spacing(1))
    best_from_here = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    at_recalls = best_from_here[np.searchsorted(recall, RECALLS)]
    return PrecisionRecall(at_recalls, float(recall[-1]) if len(recall) else 0.0)


def _judge(
    image: Candidates, threshold: float
) -> tuple[Float[np.ndarray, "judged"], Bool[np.ndarray, "judged"]]:
    """Return score and rightness of the image's best-scored people who are not ignored."""
    surest = np.argsort(-image.score, kind="stable")[:MOST_PEOPLE]
    free = np.ones(len(image.similarity), dtype=bool)
    judged, right = [], []
    for person in surest:
        near = free & (image.similarity[:, person] >= min(threshold, 1 - 1e-10))
        options = near & ~image.ignored if np.any(near & ~image.ignored) else near
        if options.any():
            # Of equally similar people the last, as COCO's evaluation does.
            similarity = np.where(options, image.similarity[:, person], -1.0)
            chosen = len(similarity) - 1 - int(similarity[::-1].argmax())
            free[chosen] = image.crowd[chosen]
            if image.ignored[chosen]:
                continue
        judged.append(person)
        right.append(options.any())
    return image.score[judged], np.array(right, dtype=bool)
