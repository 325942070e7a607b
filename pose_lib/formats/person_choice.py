"""Choosing among the people found by a file of annotations, and telling how it was done."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from pose_lib.annotations import Annotations
from pose_lib.errors import InputError
from pose_lib.formats.keypoint_truth import read_keypoint_truth
from pose_lib.formats.mpii import read_mpii_annotations
from pose_lib.keypoints import Keypoints
from pose_lib.person_choice import PersonChoice, annotated_rows, choose_people


def check_choice(choice: PersonChoice, names: Sequence[str]) -> None:
    """Make sure, before long work, that people in images of these names can be so chosen.

    Raises:
        InputError: If the annotations cannot be read, or are about other images.
    """
    with _naming_the_file(choice):
        annotations = _read_annotations(choice)
        if annotations is not None:
            annotated_rows(annotations, names)


def apply_choice(keypoints: Keypoints, choice: PersonChoice) -> Keypoints:
    """Return the same people with those chosen whom the choice takes.

    Raises:
        InputError: If the annotations cannot be read, or are about other images.
    """
    with _naming_the_file(choice):
        annotations = _read_annotations(choice)
        return keypoints.choosing(choose_people(keypoints, choice.rule, annotations))


def choice_record(chosen: Bool[np.ndarray, "person"], choice: PersonChoice) -> dict[str, Any]:
    """Return how the people were chosen, as stored beside them: rule, file, hash and numbers."""
    return choice_source(choice) | {"chosen": int(chosen.sum()), "of": len(chosen)}


def choice_source(choice: PersonChoice) -> dict[str, str | None]:
    """Return what the choice goes by: its rule, and the name and hash of its file."""
    path = Path(choice.annotations) if choice.annotations else None
    return {
        "rule": choice.rule,
        "annotations": path.name if path else None,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest() if path else None,
    }


def _read_annotations(choice: PersonChoice) -> Annotations | None:
    """Read what the choice goes by, None where it needs no file."""
    if choice.annotations is None:
        return None
    path = Path(choice.annotations)
    if path.suffix.lower() in (".mat", ".npz"):
        return read_mpii_annotations(path)
    return read_keypoint_truth(path)


@contextlib.contextmanager
def _naming_the_file(choice: PersonChoice) -> Iterator[None]:
    """Put the file of annotations before what is said of it, where it is not named yet."""
    try:
        yield
    except InputError as error:
        if choice.annotations is None or choice.annotations in str(error):
            raise
        raise InputError(f"{choice.annotations}: {error}") from error
