"""People whose joints were marked by hand: what detections are scored against and chosen by."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from pose_lib.skeleton import Skeleton


@dataclass(frozen=True)
class Annotations:
    """Annotated people of many images, whichever file they come from.

    Attributes:
        skeleton: Names and order of the joints.
        filename: Name of every image, those without annotated people too.
        image: Row in ``filename`` of each person, ascending.
        keypoints: x, y in pixels and 1; NaN, NaN, 0 where a joint is not annotated.
        visible: Which annotated joints can be seen, the others being hidden.
        center: A point inside each person in pixels, NaN where unknown.
        scale: Each person's height in units of 200 pixels, NaN where unknown.
        head_size: Length of each person's head in pixels, NaN where unknown.
        area: Area of each person's silhouette in square pixels, NaN where unknown.
        box: Left, top, width and height around each person in pixels, NaN where unknown; none
            where the file has no boxes.
        crowd: Which entries stand for many people at once; none where the file has no such.
    """

    skeleton: Skeleton
    filename: tuple[str, ...]
    image: Int[np.ndarray, "person"]
    keypoints: Float[np.ndarray, "person joint 3"]
    visible: Bool[np.ndarray, "person joint"]
    center: Float[np.ndarray, "person 2"]
    scale: Float[np.ndarray, "person"]
    head_size: Float[np.ndarray, "person"]
    area: Float[np.ndarray, "person"]
    box: Float[np.ndarray, "person 4"] | None = None
    crowd: Bool[np.ndarray, "person"] | None = None

    def __post_init__(self) -> None:
        if self.keypoints.shape[1:] != (len(self.skeleton), 3):
            raise ValueError(
                f"keypoints must be (person, {len(self.skeleton)}, 3) for {self.skeleton.name}, "
                f"got {self.keypoints.shape}"
            )
        if np.any(np.diff(self.image) < 0):
            raise ValueError("image must ascend: people of one image stand together")

    def __len__(self) -> int:
        return len(self.image)

    def of_image(self, row: int) -> slice:
        """Return where the people of an image stand."""
        return slice(*np.searchsorted(self.image, [row, row + 1]))
