"""What is right and wrong about the people found in one image."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from pose_lib.annotations import Annotations
from pose_lib.evaluation.average_precision import Candidates
from pose_lib.evaluation.keypoint_metrics import (
    box_similarities,
    distances_in_heads,
    head_sizes,
    joint_sigmas,
    joint_similarities,
    match_people,
    pckh,
)
from pose_lib.keypoints import People
from pose_lib.skeleton import Skeleton

MATCH_THRESHOLD = 0.5
"""Least OKS, or share of joints right at PCKh@0.5, of an annotated person who counts as found."""
PCKH_AT = 0.5


@dataclass(frozen=True)
class Truth:
    """The annotated people of one image, on the joints that are scored.

    Attributes:
        keypoints: x, y in pixels and 1; NaN, NaN, 0 where a joint is not annotated.
        head_size: In pixels, NaN where unknown.
        head_measured: Whose head size is taken from their joints, for want of an annotated one.
        area: In square pixels, NaN where unknown.
        box: Left, top, width, height; NaN where unknown.
        crowd: Entries that stand for many people.
    """

    keypoints: Float[np.ndarray, "person joint 3"]
    head_size: Float[np.ndarray, "person"]
    head_measured: Bool[np.ndarray, "person"]
    area: Float[np.ndarray, "person"]
    box: Float[np.ndarray, "person 4"]
    crowd: Bool[np.ndarray, "person"]

    @property
    def ignored(self) -> Bool[np.ndarray, "person"]:
        """Who need not be found: crowds, people without annotated joints or of unknown size."""
        annotated = (self.keypoints[..., 2] > 0).any(axis=1)
        return self.crowd | ~annotated | ~(np.isfinite(self.head_size) | np.isfinite(self.area))


@dataclass(frozen=True)
class ImageMatch:
    """The annotated people of one image who count, and what was found of them.

    Attributes:
        filename: As it stands in the store.
        truth: Their joints, on the joints that are scored.
        matched: The found person of each, -1 for nobody.
        found: Who counts as found.
        present: Which annotated joints the person matched has, right or wrong.
        distance: From each annotated joint to the found one, in heads; infinite where missed, NaN
            where not annotated or the head size is not known.
        similarity: Of each annotated joint to the found one, COCO's; 0 where missed, NaN where not
            annotated or the area is not known.
        head_measured: Whose head size is taken from their joints.
        false_positives: Found where nobody is annotated, wrongly or because nobody annotated them.
        candidates: What average precision is made of, the ignored people included.
    """

    filename: str
    truth: Float[np.ndarray, "person joint 3"]
    matched: Int[np.ndarray, "person"]
    found: Bool[np.ndarray, "person"]
    present: Bool[np.ndarray, "person joint"]
    distance: Float[np.ndarray, "person joint"]
    similarity: Float[np.ndarray, "person joint"]
    head_measured: Bool[np.ndarray, "person"]
    false_positives: int
    candidates: Candidates

    @property
    def pckh50(self) -> float:
        """Share of joints within half a head, NaN where no head size is known."""
        return pckh(self.distance, threshold=PCKH_AT)

    @property
    def person_oks(self) -> Float[np.ndarray, "person"]:
        """Similarity of each person to the one matched with them; NaN without a known area."""
        joints = (self.truth[..., 2] > 0).sum(axis=1)
        return self.similarity.sum(axis=1, where=self.truth[..., 2] > 0) / joints

    @property
    def mean_oks(self) -> float:
        """Mean similarity of the people, NaN where no area is known."""
        known = self.person_oks[np.isfinite(self.person_oks)]
        return float(known.mean()) if len(known) else float("nan")

    @property
    def score(self) -> float:
        """How good the image is, 0 to 1: PCKh@0.5 where it is known, else the mean OKS."""
        return self.mean_oks if np.isnan(self.pckh50) else self.pckh50

    @property
    def right(self) -> Bool[np.ndarray, "person joint"]:
        """Which joints are right: within half a head, or at least half similar."""
        by_head, by_area = self.distance <= PCKH_AT, self.similarity >= MATCH_THRESHOLD
        return np.where(np.isnan(self.distance), by_area, by_head)


def truth_of_image(truth: Annotations, row: int, scored: Skeleton) -> Truth:
    """Return the annotated people of an image on the joints that are scored."""
    people = truth.of_image(row)
    n_people = people.stop - people.start
    keypoints, annotated_head = truth.keypoints[people], truth.head_size[people]
    head_size = head_sizes(keypoints, annotated_head, truth.skeleton)
    return Truth(
        keypoints=keypoints[:, truth.skeleton.indices(scored.joints)],
        head_size=head_size,
        head_measured=np.isfinite(head_size) & ~(annotated_head > 0),
        area=truth.area[people],
        box=np.full((n_people, 4), np.nan) if truth.box is None else truth.box[people],
        crowd=np.zeros(n_people, bool) if truth.crowd is None else truth.crowd[people],
    )


def match_image(
    filename: str,
    found: People,
    truth: Truth,
    joints: tuple[str, ...],
    sigmas: Mapping[str, float],
) -> ImageMatch:
    """Match the found people of an image with the annotated ones and say what is right.

    People are matched by OKS where the area is known, else by the joints right at PCKh@0.5, the
    best pair first.

    Args:
        found: On the joints that are scored.
    """
    nobody = np.full_like(found.keypoints, np.nan, shape=(1, len(joints), 3))
    candidates = np.concatenate([found.keypoints, nobody])  # so that index -1 is nobody
    sigma = joint_sigmas(joints, sigmas)
    distance = distances_in_heads(candidates, truth.keypoints, truth.head_size)
    similarity = joint_similarities(candidates, truth.keypoints, truth.area, sigma)
    in_box = box_similarities(candidates, truth.box, truth.area, sigma)
    pair_similarity = _pair_similarity(distance, similarity, in_box, truth)

    people = np.flatnonzero(~truth.ignored)
    matched = match_people(pair_similarity[people, :-1])
    is_found = pair_similarity[people, matched] >= MATCH_THRESHOLD
    return ImageMatch(
        filename=filename,
        truth=truth.keypoints[people],
        matched=matched,
        found=is_found,
        present=(candidates[matched, :, 2] > 0) & (truth.keypoints[people][..., 2] > 0),
        distance=distance[people, matched],
        similarity=similarity[people, matched],
        head_measured=truth.head_measured[people],
        false_positives=_false_positives(pair_similarity[truth.ignored, :-1], matched[is_found]),
        candidates=Candidates(pair_similarity[:, :-1], found.score, truth.ignored, truth.crowd),
    )


def _pair_similarity(
    distance: Float[np.ndarray, "truth found joint"],
    similarity: Float[np.ndarray, "truth found joint"],
    in_box: Float[np.ndarray, "truth found"],
    truth: Truth,
) -> Float[np.ndarray, "truth found"]:
    """Return the OKS of each pair where the area is known, else the share of joints right.

    Of true people without an annotated joint, how well the found one lies in their box.
    """
    n_joints = (truth.keypoints[..., 2] > 0).sum(axis=1)[:, None]
    oks = np.nan_to_num(similarity).sum(axis=-1) / np.maximum(n_joints, 1)
    right = (distance <= PCKH_AT).sum(axis=-1) / np.maximum(n_joints, 1)
    by_joints = np.where(np.isfinite(truth.area)[:, None], oks, right)
    return np.where(n_joints > 0, by_joints, np.nan_to_num(in_box))


def _false_positives(
    to_ignored: Float[np.ndarray, "ignored found"], accepted: Int[np.ndarray, "accepted"]
) -> int:
    excused = np.any(to_ignored >= MATCH_THRESHOLD, axis=0)
    others = np.delete(excused, accepted)
    return int((~others).sum())
