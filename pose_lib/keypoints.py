"""People and where they were found: the values that pass between detector, files and lifter.

Image frame: pixels of the original image, origin at its top left, x right, y down. A missing
joint is ``(nan, nan, 0)``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from jaxtyping import Bool, Float, Int

from pose_lib.skeleton import Skeleton


class ImageStatus(IntEnum):
    """What became of an input image."""

    OK = 1
    NO_PERSON = 2
    UNREADABLE = 3
    FAILED = 4

    @property
    def label(self) -> str:
        """The status in words, as stored beside the numbers and shown to people."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True)
class People:
    """The people of one image.

    Attributes:
        keypoints: x, y in pixels and confidence 0 to 1.
        score: One number per person, higher is better; only its order matters.
    """

    keypoints: Float[np.ndarray, "person joint 3"]
    score: Float[np.ndarray, "person"]

    def __post_init__(self) -> None:
        if len(self.keypoints) != len(self.score):
            raise ValueError(f"{len(self.keypoints)} people but {len(self.score)} scores")

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True)
class Keypoints:
    """All people of many images, with a ledger row for every image, found people or not.

    Attributes:
        skeleton: Names and order of the joint axis.
        filename: Path relative to the input root with ``/``, sorted, one per image.
        size: Width and height in pixels; 0 0 where the image could not be read.
        status: What became of the image, an ``ImageStatus``.
        reason: Why, empty where all is fine.
        keypoints: x, y in pixels and confidence of every person, all images together.
        image: The image row each person was found in, ascending.
        score: One number per person, higher is better.
        choice: Who is used further on; everybody where it is None.
    """

    skeleton: Skeleton
    filename: tuple[str, ...]
    size: Int[np.ndarray, "image 2"]
    status: Int[np.ndarray, "image"]
    reason: tuple[str, ...]
    keypoints: Float[np.ndarray, "person joint 3"]
    image: Int[np.ndarray, "person"]
    score: Float[np.ndarray, "person"]
    choice: Bool[np.ndarray, "person"] | None = None

    def __post_init__(self) -> None:
        per_image = {len(self.filename), len(self.size), len(self.status), len(self.reason)}
        per_person = {len(self.keypoints), len(self.image), len(self.score), len(self.chosen)}
        if len(per_image) != 1 or len(per_person) != 1:
            raise ValueError(
                f"lengths disagree: per image {sorted(per_image)}, per person {sorted(per_person)}"
            )
        if self.keypoints.shape[1] != len(self.skeleton):
            raise ValueError(
                f"{self.keypoints.shape[1]} joints, but {self.skeleton.name} has "
                f"{len(self.skeleton)}"
            )
        if len(self.image) and (self.image[0] < 0 or self.image[-1] >= len(self.filename)):
            raise ValueError(f"a person's image row is outside 0 to {len(self.filename) - 1}")
        if np.any(np.diff(self.image) < 0):
            raise ValueError("people must be sorted by their image row")

    @property
    def n_images(self) -> int:
        return len(self.filename)

    @property
    def n_people(self) -> int:
        return len(self.keypoints)

    @property
    def chosen(self) -> Bool[np.ndarray, "person"]:
        """Tell who is used further on."""
        return np.ones(self.n_people, bool) if self.choice is None else self.choice

    def of_image(self, image: int) -> slice:
        """Return where the people of an image row stand."""
        return slice(*np.searchsorted(self.image, [image, image + 1]))

    def people(self, image: int) -> People:
        """Return the people of one image row, chosen or not."""
        here = self.of_image(image)
        return People(self.keypoints[here], self.score[here])

    def take(self, rows: Int[np.ndarray, "taken"]) -> "Keypoints":
        """Return these images, in the order given, with their people; one may come several times.

        Who is chosen is forgotten.
        """
        start, stop = np.searchsorted(self.image, rows), np.searchsorted(self.image, rows + 1)
        counts = stop - start
        first = np.cumsum(counts) - counts  # of each image's people among those taken
        people = np.arange(counts.sum()) + np.repeat(start - first, counts)
        return Keypoints(
            skeleton=self.skeleton,
            filename=tuple(self.filename[row] for row in rows.tolist()),
            size=self.size[rows],
            status=self.status[rows],
            reason=tuple(self.reason[row] for row in rows.tolist()),
            keypoints=self.keypoints[people],
            image=np.repeat(np.arange(len(rows)), counts),
            score=self.score[people],
        )

    def choosing(self, chosen: Bool[np.ndarray, "person"]) -> "Keypoints":
        """Return the same people with another choice among them."""
        return replace(self, choice=chosen)

    def only_chosen(self) -> "Keypoints":
        """Return the chosen people alone, with every image and what became of it."""
        return replace(
            self,
            keypoints=self.keypoints[self.chosen],
            image=self.image[self.chosen],
            score=self.score[self.chosen],
            choice=None,
        )

    def counts(self) -> dict[str, int]:
        """Return how many images have each status, by its label, zeros included."""
        return {status.label: int(np.sum(self.status == status)) for status in ImageStatus}


def join_images(parts: Sequence[Keypoints]) -> Keypoints:
    """Put the images of several tables, at least one, behind each other; nobody is chosen."""
    first = np.cumsum([0] + [part.n_images for part in parts])
    return Keypoints(
        skeleton=parts[0].skeleton,
        filename=tuple(name for part in parts for name in part.filename),
        size=np.concatenate([part.size for part in parts]),
        status=np.concatenate([part.status for part in parts]),
        reason=tuple(reason for part in parts for reason in part.reason),
        keypoints=np.concatenate([part.keypoints for part in parts]),
        image=np.concatenate([part.image + row for part, row in zip(parts, first, strict=False)]),
        score=np.concatenate([part.score for part in parts]),
    )
