"""The people that a lifter got most wrong, each beside the truth, from the front and the side."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from pose_lib.lifting.evaluate import pose_errors
from pose_lib.plots.figures import comparison
from pose_lib.plots.gallery import Picture
from pose_lib.skeleton import BODY_15

_LABELS = ("lifted", "truth")


def worst_pose_figures(
    read: Callable[[str], Picture],
    names: Sequence[str],
    keypoints: Float[np.ndarray, "person 15 3"],
    lifted: Float[np.ndarray, "person 15 3"],
    truth: Float[np.ndarray, "person 15 3"],
    *,
    most: int,
) -> Iterator[tuple[str, Figure]]:
    """Yield the name of a picture and its figure, the person with the largest error first.

    Args:
        read: Gives a picture by its name.
        names: The picture of each person.
        keypoints: What was found, ``BODY_15`` in pixels.
        lifted: Unitless, pelvis at the origin.
        truth: mm, pelvis at the origin.
        most: Figures at most.
    """
    errors = pose_errors(lifted, truth)
    for person in np.argsort(-errors)[:most].tolist():
        pair = np.stack([lifted[person], truth[person] / _scale(lifted[person], truth[person])])
        yield (
            names[person],
            comparison(
                read(names[person]),
                keypoints[person],
                BODY_15,
                pair,
                keypoints[person, :, 2] == 0,
                labels=_LABELS,
                title=f"{names[person]}, {errors[person]:.0f} mm",
            ),
        )


def _scale(lifted: Float[np.ndarray, "15 3"], truth: Float[np.ndarray, "15 3"]) -> float:
    """Return mm per unit of the lifted pose; 1000 for one that is a point."""
    size = float(np.linalg.norm(lifted))
    return float(np.linalg.norm(truth)) / size if size > 0 else 1000.0
