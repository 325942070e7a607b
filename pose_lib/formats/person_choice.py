"""Choosing among the people found by a file of annotations, and telling how it was done."""

import hashlib
from pathlib import Path
from typing import Any

from pose_lib.annotations import Annotations
from pose_lib.errors import InputError
from pose_lib.formats.keypoint_truth import read_keypoint_truth
from pose_lib.formats.mpii import read_mpii_annotations
from pose_lib.keypoints import Keypoints
from pose_lib.person_choice import PersonChoice, choose_people


def read_choice_annotations(choice: PersonChoice) -> Annotations | None:
    """Read what the choice goes by, None where it needs no file; so that long work fails early.

    Raises:
        InputError: If the file is not there, or holds no annotated people.
    """
    if choice.annotations is None:
        return None
    path = Path(choice.annotations)
    if path.suffix.lower() in (".mat", ".npz"):
        return read_mpii_annotations(path)
    return read_keypoint_truth(path)


def apply_choice(keypoints: Keypoints, choice: PersonChoice) -> Keypoints:
    """Return the same people with those chosen whom the choice takes.

    Raises:
        InputError: If the annotations cannot be read, or are about other images.
    """
    annotations = read_choice_annotations(choice)
    try:
        return keypoints.choosing(choose_people(keypoints, choice.rule, annotations))
    except InputError as error:
        where = f"{choice.annotations}: " if choice.annotations else ""
        raise InputError(f"{where}{error}") from error


def choice_record(keypoints: Keypoints, choice: PersonChoice) -> dict[str, Any]:
    """Return how the people were chosen, as stored beside them: rule, file, hash and numbers."""
    path = Path(choice.annotations) if choice.annotations else None
    return {
        "rule": choice.rule,
        "annotations": path.name if path else None,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest() if path else None,
        "chosen": int(keypoints.chosen.sum()),
        "of": keypoints.n_people,
    }
