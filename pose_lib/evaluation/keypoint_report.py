"""How good the people in a keypoint store are against annotated ones: all figures in one value."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pose_lib.annotations import Annotations
from pose_lib.errors import InputError
from pose_lib.evaluation.average_precision import OKS_THRESHOLDS, PrecisionRecall, precision_recall
from pose_lib.evaluation.image_matching import ImageMatch, match_image, truth_of_image
from pose_lib.evaluation.keypoint_metrics import (
    COCO_SIGMAS,
    joint_sigmas,
    pckh,
    pckh_auc,
    pckh_curve,
)
from pose_lib.images.match_names import match_names
from pose_lib.keypoints import Keypoints, People
from pose_lib.skeleton import Skeleton


@dataclass(frozen=True)
class JointScore:
    """How well one joint is found; shares from 0 to 1, NaN where the truth does not allow them.

    Attributes:
        annotated: How often it is annotated.
        found: How often the person matched there has it, right or wrong.
        pckh50: Share within half a head.
        pckh_auc: Area under the PCKh curve.
        similarity: Mean of COCO's similarity, 0 where missed.
    """

    joint: str
    annotated: int
    found: int
    pckh50: float
    pckh_auc: float
    similarity: float


@dataclass(frozen=True)
class KeypointReport:
    """Found people against annotated ones, over many images.

    Attributes:
        scored: The joints that both have, and the bones between them.
        images_missing: Annotated images that are not in the store; they do not count.
        matches: One for each image that counts.
        precision_recall: At each of COCO's thresholds; empty where some area is not known.
    """

    scored: Skeleton
    images_missing: tuple[str, ...]
    matches: tuple[ImageMatch, ...]
    precision_recall: tuple[PrecisionRecall, ...]

    @property
    def people(self) -> int:
        return sum(len(match.found) for match in self.matches)

    @property
    def found(self) -> int:
        return sum(int(match.found.sum()) for match in self.matches)

    @property
    def false_positives(self) -> int:
        return sum(match.false_positives for match in self.matches)

    @property
    def ignored(self) -> int:
        """Entries that need not be found: crowds, and people without an annotated joint."""
        return sum(int(match.candidates.ignored.sum()) for match in self.matches)

    @property
    def head_sizes_measured(self) -> int:
        """People whose head size is taken from their joints, for want of an annotated one."""
        return sum(int(match.head_measured.sum()) for match in self.matches)

    @property
    def mean_oks(self) -> float:
        """Mean similarity of the people to those matched with them, 0 for people not found."""
        people = [match.person_oks for match in self.matches]
        return _mean(np.concatenate([np.zeros(0), *people]))

    @property
    def oks_ap(self) -> float:
        """COCO's main figure: average precision, averaged over OKS thresholds 0.50 to 0.95."""
        return _mean([at.average_precision for at in self.precision_recall])

    @property
    def oks_ar(self) -> float:
        """COCO's average recall over the same thresholds."""
        return _mean([at.recall for at in self.precision_recall])

    def average_precision(self, threshold: float) -> float:
        """Return the average precision at one of COCO's thresholds."""
        for value, at in zip(OKS_THRESHOLDS, self.precision_recall, strict=False):
            if math.isclose(value, threshold):
                return at.average_precision
        return float("nan")

    @functools.cached_property
    def distance(self) -> Float[np.ndarray, "person joint"]:
        """Of everybody: distances in heads, as in a match."""
        parts = [match.distance for match in self.matches]
        return np.concatenate([np.zeros((0, len(self.scored))), *parts])

    def curve(self, *joints: str) -> Float[np.ndarray, "51"]:
        """Return the PCKh curve of some joints together, or of all."""
        columns = self.scored.indices(joints or self.scored.joints)
        return pckh_curve(self.distance[:, columns])

    @functools.cached_property
    def per_joint(self) -> tuple[JointScore, ...]:
        similarity = np.concatenate([match.similarity for match in self.matches])
        truth = np.concatenate([match.truth for match in self.matches])
        present = np.concatenate([match.present for match in self.matches])
        return tuple(
            JointScore(
                joint=joint,
                annotated=int((truth[:, column, 2] > 0).sum()),
                found=int(present[:, column].sum()),
                pckh50=pckh(self.distance[:, column]),
                pckh_auc=pckh_auc(self.curve(joint)),
                similarity=_mean(similarity[:, column]),
            )
            for column, joint in enumerate(self.scored.joints)
        )

    def worst(self, most: int) -> list[ImageMatch]:
        """Return the images with the lowest scores, the worst first."""
        scored = [match for match in self.matches if not math.isnan(match.score)]
        return sorted(scored, key=lambda match: (match.score, match.filename))[:most]

    def figures(self) -> dict[str, int | float]:
        """Return the figures of all images together by their names; NaN where not to be had."""
        return {
            "images": len(self.matches),
            "people": self.people,
            "found": self.found,
            "false_positives": self.false_positives,
            "ignored": self.ignored,
            "pckh50": pckh(self.distance),
            "pckh_auc": pckh_auc(self.curve()),
            "oks_ap": self.oks_ap,
            "oks_ap50": self.average_precision(0.5),
            "oks_ap75": self.average_precision(0.75),
            "oks_ar": self.oks_ar,
            "mean_oks": self.mean_oks,
            "head_sizes_measured": self.head_sizes_measured,
        }


def score_keypoints(
    keypoints: Keypoints, truth: Annotations, *, sigmas: Mapping[str, float] = COCO_SIGMAS
) -> KeypointReport:
    """Compare all found people of a store with the annotated ones of its images.

    Scored are the joints of the same name. Images without annotations do not count.

    Args:
        sigmas: Of COCO's similarity, by the name of a joint with or without its side.

    Raises:
        InputError: If the store has no annotated image or nobody in it can be scored.
    """
    scored = _scored_joints(keypoints.skeleton, truth.skeleton)
    _require_sigmas(truth, scored, sigmas)
    rows = match_names(truth.filename, keypoints.filename)
    there = [(image, row) for image, row in enumerate(rows) if row is not None]
    if not there:
        raise InputError(_none_matches(keypoints, truth))
    columns = keypoints.skeleton.indices(scored.joints)
    matches = []
    for image, row in there:
        people = keypoints.people(row)
        found = People(people.keypoints[:, columns], people.score)
        known = truth_of_image(truth, image, scored)
        name = keypoints.filename[row]
        matches.append(match_image(name, found, known, scored.joints, sigmas))
    if all(match.candidates.ignored.all() for match in matches):
        raise InputError(
            f"nobody can be scored in the {len(there)} annotated images of the store: people need "
            "an annotated joint that the store has, and an area or a head size"
        )
    missing = (name for name, row in zip(truth.filename, rows, strict=True) if row is None)
    return KeypointReport(scored, tuple(missing), tuple(matches), _precision_recall(matches))


def _precision_recall(matches: list[ImageMatch]) -> tuple[PrecisionRecall, ...]:
    if any(np.isnan(match.person_oks).any() for match in matches):
        return ()
    images = [match.candidates for match in matches]
    return tuple(precision_recall(images, threshold=at) for at in OKS_THRESHOLDS.tolist())


def _scored_joints(found: Skeleton, truth: Skeleton) -> Skeleton:
    joints = tuple(joint for joint in truth.joints if joint in found.joints)
    if not joints:
        raise InputError(f"no joint of {found.name} is annotated: {', '.join(truth.joints)}")
    bones = tuple(bone for bone in truth.bones if set(bone) <= set(joints))
    return Skeleton(f"{found.name} and {truth.name}", joints, bones, "The joints that both have.")


def _require_sigmas(truth: Annotations, scored: Skeleton, sigmas: Mapping[str, float]) -> None:
    values = dict(zip(scored.joints, joint_sigmas(scored.joints, sigmas), strict=True))
    if np.isfinite(truth.area).any() and (without := [j for j in values if np.isnan(values[j])]):
        raise InputError(f"no sigma is known for {', '.join(without)}; name a file that has them")


def _none_matches(keypoints: Keypoints, truth: Annotations) -> str:
    annotated = truth.filename[0] if truth.filename else "none"
    return (
        f"none of the {len(truth.filename)} annotated images (first: {annotated}) is among the "
        f"{keypoints.n_images} images of the store (first: {keypoints.filename[0]})"
    )


def _mean(values: Float[np.ndarray, "_"] | list[float]) -> float:
    """Return the mean of the numbers that are none of NaN; NaN without any."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
