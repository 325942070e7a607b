"""What became of every input image, and what it took."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pose_lib.keypoints import ImageStatus, Keypoints, join_images


@dataclass(frozen=True)
class Ledger:
    """The ledger of a store: a row for every image, without the people.

    Attributes:
        filename: Path relative to the input root with ``/``, sorted.
        status: What became of the image, an ``ImageStatus``.
        reason: Why, empty where all is fine.
        attempts: How often it was worked on, over all runs; 0 where nobody counted.
        seconds: What the last attempt took.
        digest: Hash of the image's content.
        n_people: People in all images together.
    """

    filename: tuple[str, ...]
    status: Int[np.ndarray, "image"]
    reason: tuple[str, ...]
    attempts: Int[np.ndarray, "image"]
    seconds: Float[np.ndarray, "image"]
    digest: tuple[str, ...]
    n_people: int

    def __post_init__(self) -> None:
        columns = (self.filename, self.status, self.reason)
        lengths = {len(each) for each in (*columns, self.attempts, self.seconds, self.digest)}
        if len(lengths) != 1:
            raise ValueError(f"the ledger's columns differ in length: {sorted(lengths)}")

    @property
    def n_images(self) -> int:
        return len(self.filename)

    def counts(self) -> dict[str, int]:
        """Return how many images have each status, by its label, zeros included."""
        return {status.label: int(np.sum(self.status == status)) for status in ImageStatus}


@dataclass(frozen=True)
class ExtractionResults:
    """What became of some images, with the people and what it took to find them.

    Attributes:
        keypoints: The people, and a row for every image.
        digest: Hash of each image's content, ASCII.
        attempts: How often each was worked on, over all runs.
        seconds: What the last attempt took.
    """

    keypoints: Keypoints
    digest: tuple[str, ...]
    attempts: Int[np.ndarray, "image"]
    seconds: Float[np.ndarray, "image"]

    def __post_init__(self) -> None:
        lengths = {len(self.digest), len(self.attempts), len(self.seconds)}
        if lengths != {len(self)}:
            raise ValueError(f"{len(self)} images, but columns of length {sorted(lengths)}")

    def __len__(self) -> int:
        return self.keypoints.n_images

    def take(self, rows: Int[np.ndarray, "taken"]) -> "ExtractionResults":
        """Return these rows, in the order given; a row may come several times."""
        return ExtractionResults(
            self.keypoints.take(rows),
            tuple(self.digest[row] for row in rows.tolist()),
            self.attempts[rows],
            self.seconds[rows],
        )


def concatenate_results(pieces: Sequence[ExtractionResults]) -> ExtractionResults:
    """Put the images of several results, at least one, behind each other."""
    return ExtractionResults(
        join_images([piece.keypoints for piece in pieces]),
        tuple(digest for piece in pieces for digest in piece.digest),
        np.concatenate([piece.attempts for piece in pieces]),
        np.concatenate([piece.seconds for piece in pieces]),
    )
