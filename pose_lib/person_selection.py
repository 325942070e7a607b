"""Which of the people found in an image are used further on."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from pose_lib.annotations import Annotations
from pose_lib.convert import convert_keypoints
from pose_lib.datasets.annotation_files import read_keypoint_truth
from pose_lib.datasets.mpii import read_mpii_annotations
from pose_lib.errors import InputError
from pose_lib.evaluation.keypoint_metrics import joint_distances, match_people
from pose_lib.images.match_names import match_names
from pose_lib.keypoints import Keypoints
from pose_lib.skeleton import BODY_15

RULES = ("all", "largest", "score", "central", "annotated")

HEADS_TALL = 8
"""Height over head size as MPII has it: its head size is 25 pixels where its scale is 1.

Source: the head sizes and scales of its validation set.
"""
JOINT_LIMIT = 1 / HEADS_TALL
"""Heights from annotated joints to found ones, in the median, up to which it may be that person.

Source:
    Of 7,793 MPII people with others in the picture, the joints of the most similar other lie
    nearer than that, one head, for 0.5 %.
"""
CENTER_LIMIT = 1 / 3
"""Heights from an annotated position to the mean found joint up to which it may be that person.

Source:
    Of 14,975 complete MPII people the mean joint of the upper body lies within 0.25 heights of that
    of the whole one for 99 %, and `objpos` lies within 0.08 of the latter for the 3 at hand.
"""


@dataclass(frozen=True)
class PersonSelection:
    """Who of those found in an image is used further on.

    Attributes:
        rule: `all`; the one with the `largest` extent, the highest `score`, or the most `central`
            place in each image; or those who are `annotated`.
        annotations: File of annotated people for the rule `annotated`.
    """

    rule: str = "all"
    annotations: str | None = None

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(RULES)}, got {self.rule!r}")
        if (self.rule == "annotated") != (self.annotations is not None):
            raise ValueError(
                "the rule 'annotated' needs a file of annotations"
                if self.rule == "annotated"
                else f"annotations are of use to the rule 'annotated' only, not to {self.rule!r}"
            )


EVERYBODY = PersonSelection()


def select_people(
    keypoints: Keypoints, rule: str, annotations: Annotations | None = None
) -> Bool[np.ndarray, "person"]:
    """Return who is chosen by one of the `RULES`.

    By `annotated` each annotated person chooses the nearest found one if any is near enough, and
    nobody is chosen twice. Images that are not annotated choose nobody.

    Raises:
        InputError: If the annotations are about other images or an image's name is ambiguous, or
            the rule is `central` and an image's size is not known.
        ValueError: If the rule is unknown, or lacks its annotations.
    """
    if rule == "all":
        return np.ones(keypoints.n_people, bool)
    if rule == "largest":
        return _best_of_each_image(keypoints, _extent(keypoints.keypoints))
    if rule == "score":
        return _best_of_each_image(keypoints, keypoints.score)
    if rule == "central":
        return _best_of_each_image(keypoints, -_distance_to_center(keypoints))
    if rule == "annotated" and annotations is not None:
        return _annotated(keypoints, annotations)
    raise ValueError(f"unknown rule {rule!r}, or no annotations for it")


def check_selection(selection: PersonSelection, names: Sequence[str]) -> None:
    """Make sure, before long work, that people in images of these names can be so chosen.

    Raises:
        InputError: If the annotations cannot be read, or are about other images.
    """
    with _naming_the_file(selection):
        annotations = _read_annotations(selection)
        if annotations is not None:
            annotated_rows(annotations, names)


def apply_selection(keypoints: Keypoints, selection: PersonSelection) -> Keypoints:
    """Return the same people with those chosen whom the selection takes.

    Raises:
        InputError: If the annotations cannot be read, or are about other images.
    """
    with _naming_the_file(selection):
        annotations = _read_annotations(selection)
        return keypoints.choosing(select_people(keypoints, selection.rule, annotations))


def selection_record(
    chosen: Bool[np.ndarray, "person"], selection: PersonSelection
) -> dict[str, Any]:
    """Return how the people were chosen, as stored beside them: rule, file, hash and numbers."""
    return selection_source(selection) | {"chosen": int(chosen.sum()), "of": len(chosen)}


def selection_source(selection: PersonSelection) -> dict[str, str | None]:
    """Return what the selection goes by: its rule, and the name and hash of its file."""
    path = Path(selection.annotations) if selection.annotations else None
    return {
        "rule": selection.rule,
        "annotations": path.name if path else None,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest() if path else None,
    }


def annotated_rows(annotations: Annotations, names: Sequence[str]) -> list[int | None]:
    """Return the row of each annotated image among these names, None where it is not there.

    Raises:
        InputError: If not one of the images is annotated, or a name may mean several.
    """
    rows = match_names(annotations.filename, names)
    if names and all(row is None for row in rows):
        raise InputError(
            f"not one of the {len(names)} images is annotated, such as {names[0]}: choose by the"
            " annotations of these images, or by another rule"
        )
    return rows


def _best_of_each_image(
    keypoints: Keypoints, value: Float[np.ndarray, "person"]
) -> Bool[np.ndarray, "person"]:
    """Choose the highest value of each image; of equal ones the first."""
    order = np.lexsort((-np.nan_to_num(value, nan=-np.inf), keypoints.image))
    _, first = np.unique(keypoints.image[order], return_index=True)
    chosen = np.zeros(keypoints.n_people, bool)
    chosen[order[first]] = True
    return chosen


def _extent(xyc: Float[np.ndarray, "person joint 3"]) -> Float[np.ndarray, "person"]:
    """Return the diagonal of the box around each person's found joints; 0 without any."""
    low, high = _box(xyc)
    return np.nan_to_num(np.linalg.norm(high - low, axis=-1))


def _box(
    xyc: Float[np.ndarray, "person joint 3"],
) -> tuple[Float[np.ndarray, "person 2"], Float[np.ndarray, "person 2"]]:
    found = xyc[..., 2:] > 0
    low = np.where(found, xyc[..., :2], np.inf).min(1)
    high = np.where(found, xyc[..., :2], -np.inf).max(1)
    return np.where(np.isfinite(low), low, np.nan), np.where(np.isfinite(high), high, np.nan)


def _distance_to_center(keypoints: Keypoints) -> Float[np.ndarray, "person"]:
    sizes = keypoints.size[keypoints.image]
    unknown = np.flatnonzero((sizes <= 0).any(-1))
    if unknown.size:
        name = keypoints.filename[keypoints.image[unknown[0]]]
        raise InputError(f"the size of {name} is not known: choose by another rule than central")
    low, high = _box(keypoints.keypoints)
    return np.linalg.norm((low + high) / 2 - sizes / 2, axis=-1)


def _annotated(keypoints: Keypoints, annotations: Annotations) -> Bool[np.ndarray, "person"]:
    rows = annotated_rows(annotations, keypoints.filename)
    heights = _heights(annotations)
    chosen = np.zeros(keypoints.n_people, bool)
    for annotated, row in enumerate(rows):
        if row is None:
            continue
        theirs, ours = annotations.of_image(annotated), keypoints.of_image(row)
        similarity = _similarity(annotations, heights, theirs, keypoints, ours)
        matched = match_people(similarity)
        chosen[ours.start + matched[matched >= 0]] = True
    return chosen


def _similarity(
    annotations: Annotations,
    heights: Float[np.ndarray, "everybody"],
    theirs: slice,
    keypoints: Keypoints,
    ours: slice,
) -> Float[np.ndarray, "truth found"]:
    """Return how near the found people of an image are to its annotated ones; 0 is too far.

    A person with annotated joints is compared by those, which distinguish people best.
    """
    truth = convert_keypoints(annotations.keypoints[theirs], annotations.skeleton, BODY_15)
    found = convert_keypoints(keypoints.keypoints[ours], keypoints.skeleton, BODY_15)
    by_joints = _joint_similarity(truth, found, heights[theirs])
    middle = _mean_joint(keypoints.keypoints[ours])
    by_center = _center_similarity(annotations.center[theirs], middle, heights[theirs])
    has_joints = (truth[..., 2:] > 0).any(1)
    return np.where(has_joints, by_joints, by_center)


def _joint_similarity(
    truth: Float[np.ndarray, "truth 15 3"],
    found: Float[np.ndarray, "found 15 3"],
    heights: Float[np.ndarray, "truth"],
) -> Float[np.ndarray, "truth found"]:
    """Return the share of annotated joints that are found near, the nearer the more.

    So the whole of a person comes before a piece of theirs.
    """
    distance = joint_distances(found, truth) / heights[:, None, None]
    nearness = np.nan_to_num(1 - distance / JOINT_LIMIT).clip(0)
    both = np.isfinite(distance)
    near = np.where(both, distance <= JOINT_LIMIT, False).sum(-1)
    mostly_near = (2 * near >= both.sum(-1)) & both.any(-1)
    annotated = np.maximum((truth[..., 2] > 0).sum(-1), 1)
    return np.where(mostly_near, nearness.sum(-1) / annotated[:, None], 0)


def _center_similarity(
    center: Float[np.ndarray, "truth 2"],
    middle: Float[np.ndarray, "found 2"],
    heights: Float[np.ndarray, "truth"],
) -> Float[np.ndarray, "truth found"]:
    distance = np.linalg.norm(center[:, None] - middle[None], axis=-1) / heights[:, None]
    return np.nan_to_num(1 - distance / CENTER_LIMIT).clip(0)


def _mean_joint(xyc: Float[np.ndarray, "person joint 3"]) -> Float[np.ndarray, "person 2"]:
    found = xyc[..., 2:] > 0
    total = np.where(found, xyc[..., :2], 0).sum(1)
    return np.where(found.any(1), total / np.maximum(found.sum(1), 1), np.nan)


def _heights(annotations: Annotations) -> Float[np.ndarray, "person"]:
    """Return each annotated person's height in pixels: by scale, else by head, else by joints."""
    by_joints = _extent(annotations.keypoints)
    heights = np.where(annotations.head_size > 0, HEADS_TALL * annotations.head_size, by_joints)
    heights = np.where(annotations.scale > 0, 200 * annotations.scale, heights)
    return np.where(heights > 0, heights, np.nan)


def _read_annotations(selection: PersonSelection) -> Annotations | None:
    """Read what the selection goes by, None where it needs no file."""
    if selection.annotations is None:
        return None
    path = Path(selection.annotations)
    if path.suffix.lower() in (".mat", ".npz"):
        return read_mpii_annotations(path)
    return read_keypoint_truth(path)


@contextlib.contextmanager
def _naming_the_file(selection: PersonSelection) -> Iterator[None]:
    """Put the file of annotations before what is said of it, where it is not named yet."""
    try:
        yield
    except InputError as error:
        if selection.annotations is None or selection.annotations in str(error):
            raise
        raise InputError(f"{selection.annotations}: {error}") from error
