"""Figures and a page of the people found in many images, as lifted by one model or several."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Int, UInt8
from matplotlib.figure import Figure

from pose_lib.keypoints import Keypoints
from pose_lib.lifting.lifter import LiftedPoses
from pose_lib.plots.figures import comparison, pose_grid, triptych
from pose_lib.plots.viewer import thumbnail, viewer_html

Picture = UInt8[np.ndarray, "height width 3"]
ReadPicture = Callable[[str], Picture | None]
"""Gives an image by its name, or None where it is gone."""


def person_figure(
    read: ReadPicture, keypoints: Keypoints, lifted: Mapping[str, LiftedPoses], person: int
) -> Figure:
    """Draw one person as a triptych, or as a comparison where several models lifted them.

    Args:
        lifted: What each model made of all ``keypoints``, by the model's label.
        person: Row among the people.
    """
    photograph, xyc = _photograph(read, keypoints, person), keypoints.keypoints[person]
    title = keypoints.filename[keypoints.image[person]]
    first, *others = lifted.values()
    if not others:
        pose, filled, uncertainty = (
            of[person] for of in (first.poses3d, first.filled, first.spread)
        )
        return triptych(
            photograph, xyc, keypoints.skeleton, pose, filled, uncertainty=uncertainty, title=title
        )
    return comparison(
        photograph,
        xyc,
        keypoints.skeleton,
        np.stack([by_model.poses3d[person] for by_model in lifted.values()]),
        first.filled[person],
        labels=list(lifted),
        uncertainty=np.stack([by_model.spread[person] for by_model in lifted.values()]),
        title=title,
    )


def overview_figure(
    read: ReadPicture, keypoints: Keypoints, lifted: LiftedPoses, people: Int[np.ndarray, "shown"]
) -> Figure:
    """Draw several people on one sheet."""
    return pose_grid(
        [_photograph(read, keypoints, person) for person in people.tolist()],
        keypoints.keypoints[people],
        keypoints.skeleton,
        lifted.poses3d[people],
        lifted.filled[people],
        uncertainty=lifted.spread[people],
    )


def viewer_page(
    read: ReadPicture, keypoints: Keypoints, lifted: LiftedPoses, people: Int[np.ndarray, "shown"]
) -> str:
    """Return a page that needs nothing else, in which each person's pose can be turned by hand."""
    thumbnails = [
        thumbnail(
            _photograph(read, keypoints, person), keypoints.keypoints[person], keypoints.skeleton
        )
        for person in people.tolist()
    ]
    return viewer_html(
        lifted.poses3d[people],
        lifted.filled[people],
        uncertainty=lifted.spread[people],
        names=[keypoints.filename[image] for image in keypoints.image[people].tolist()],
        thumbnails=thumbnails,
    )


def _photograph(read: ReadPicture, keypoints: Keypoints, person: int) -> Picture:
    """Return the person's picture, or a white one in which they fit where it is gone."""
    image = int(keypoints.image[person])
    picture = read(keypoints.filename[image])
    if picture is not None:
        return picture
    reach = np.nanmax(keypoints.keypoints[person, :, :2], axis=0, initial=0)
    width, height = np.maximum(keypoints.size[image], np.ceil(1.1 * reach) + 1).astype(int).tolist()
    return np.full((height, width, 3), 255, np.uint8)
