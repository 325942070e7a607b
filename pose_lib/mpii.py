"""MPII Human Pose as it was released: who is annotated, in which pictures, and how well."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from pose_lib.annotations import Annotations


@dataclass(frozen=True)
class MpiiRelease:
    """The annotated people of MPII, those of whom only a head or a position is known too.

    Attributes:
        people: On MPII_16. A joint counts as visible unless the file says that it is hidden.
        train: Which images are for training; the others' joints are withheld.
        apart: Who stands far enough from everybody else to be cropped alone (`single_person`).
        stated: Of which joints the file says whether they can be seen.
        repeated: Points of each person that were left out, for the joint was given before.
        unusable: Points of each person that were left out for want of a valid id, x or y.
        activity: What is done in each image, such as ``yoga``; empty where not told.
        version: As written in the file.
    """

    people: Annotations
    train: Bool[np.ndarray, "image"]
    apart: Bool[np.ndarray, "person"]
    stated: Bool[np.ndarray, "person joint"]
    repeated: Int[np.ndarray, "person"]
    unusable: Int[np.ndarray, "person"]
    activity: tuple[str, ...]
    version: str

    def __post_init__(self) -> None:
        per_image = {len(self.train), len(self.activity), len(self.people.filename)}
        per_person = {len(self.apart), len(self.stated), len(self.repeated), len(self.unusable)}
        if len(per_image) != 1 or per_person != {len(self.people)}:
            raise ValueError(
                f"lengths disagree: per image {sorted(per_image)}, "
                f"per person {sorted(per_person | {len(self.people)})}"
            )
