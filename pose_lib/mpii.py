"""MPII Human Pose as it was released: who is annotated, in which pictures, and how well."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from pose_lib.annotations import Annotations
from pose_lib.skeleton import MPII_16


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


def mpii_order(names: Sequence[str]) -> list[int]:
    """Return where each joint of MPII_16 is among names such as ``r_ankle`` or ``right_ankle``.

    Raises:
        ValueError: If they are not the names of its joints.
    """
    sides = {"r": "right", "l": "left"}
    parts = [name.partition("_") for name in names]
    full = [f"{sides.get(side, side)}{bar}{joint}" for side, bar, joint in parts]
    if sorted(full) != sorted(MPII_16.joints):
        raise ValueError(
            f"joint_names are {', '.join(names)}; expected {', '.join(MPII_16.joints)}"
        )
    return [full.index(joint) for joint in MPII_16.joints]
