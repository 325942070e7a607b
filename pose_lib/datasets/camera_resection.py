"""Where a camera stood, from points of known place and their pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from pose_lib.errors import InputError

_FEWEST_POINTS = 100
_ENOUGH_POINTS = 40_000
_EXACT_BELOW = 0.5
"""Median pixels below which they are projections, not detections, and the whole lens can be fit."""
_WHOLE_LENS = cv2.CALIB_USE_INTRINSIC_GUESS
_PLAIN_LENS = _WHOLE_LENS | cv2.CALIB_ZERO_TANGENT_DIST | cv2.CALIB_FIX_K3
_OUTLIERS_FROM = 3.0
"""Medians of the distance from which a point is left out of the last fit."""


@dataclass(frozen=True)
class CameraPose:
    """How a camera looks at the world.

    Attributes:
        rotation: From world to camera frame.
        translation: Of the world's origin in the camera frame, in the unit of the points.
        residual: Median distance in pixels between points seen through this camera and where they
            were seen.
    """

    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]
    residual: float

    def turned(self, points: Float[np.ndarray, "*any 3"]) -> Float[np.ndarray, "*any 3"]:
        """Return world points in the camera frame: x right, y down, z away."""
        return (points @ self.rotation.T + self.translation).astype(np.float32)


def resect(
    points: Float[np.ndarray, "point 3"], pixels: Float[np.ndarray, "point 2"]
) -> CameraPose:
    """Return the camera, its lens unknown, that sees the points at these pixels.

    A few wrong pixels do no harm, and neither does a lens that bends lines a little. From exact
    pixels the camera is exact; from those of a detector its rotation is right to about half a
    degree, because a lens off its center looks much like a camera that is turned.

    Args:
        points: World frame; not all in one plane.

    Raises:
        InputError: If there are too few points, or no camera sees them so.

    Source:
        Hartley and Zisserman, "Multiple View Geometry in Computer Vision", 2nd edition, section
        7.1, for the first estimate; OpenCV's ``calibrateCamera`` with lens distortion for the fit.
    """
    if len(points) < _FEWEST_POINTS:
        raise InputError(
            f"{len(points)} points are too few for a camera; it takes {_FEWEST_POINTS}"
        )
    if not (points.std() > 0 and pixels.std() > 0):
        raise InputError("no camera can be found from points that coincide, or are NaN")
    some = slice(None, None, -(-len(points) // _ENOUGH_POINTS))
    points, pixels = points[some].astype(np.float64), pixels[some].astype(np.float64)
    try:
        rough, distances = _fitted(points, pixels, _PLAIN_LENS)
        if rough.residual < _EXACT_BELOW:
            return _fitted(points, pixels, _WHOLE_LENS)[0]
        near = distances <= _OUTLIERS_FROM * rough.residual
        return _fitted(points[near], pixels[near], _PLAIN_LENS)[0]
    except (cv2.error, np.linalg.LinAlgError) as error:
        raise InputError("no camera sees the 3D points at these pixels") from error


def _fitted(
    points: Float[np.ndarray, "point 3"], pixels: Float[np.ndarray, "point 2"], lens_model: int
) -> tuple[CameraPose, Float[np.ndarray, "point"]]:
    """Return the best camera, and how far from its pixel it sees each point."""
    middle, spread = points.mean(0), points.std()
    unit = ((points - middle) / spread).astype(np.float32)
    seen = pixels.astype(np.float32)
    lens = _first_lens(unit.astype(np.float64), pixels)
    size = tuple(int(side) for side in np.ceil(seen.max(0)) + 1)
    _, lens, bending, turns, shifts = cv2.calibrateCamera(
        [unit], [seen], size, lens, None, flags=lens_model
    )
    again, _ = cv2.projectPoints(unit, turns[0], shifts[0], lens, bending)
    distances = np.linalg.norm(again.reshape(-1, 2) - pixels, axis=1)
    rotation = cv2.Rodrigues(turns[0])[0]
    translation = spread * shifts[0].reshape(3) - rotation @ middle
    return CameraPose(rotation, translation, float(np.median(distances))), distances


def _first_lens(
    points: Float[np.ndarray, "point 3"], pixels: Float[np.ndarray, "point 2"]
) -> Float[np.ndarray, "3 3"]:
    """Return the camera matrix of the projection that fits best without lens distortion."""
    middle, spread = pixels.mean(0), pixels.std()
    x, y = ((pixels - middle) / spread).T
    homogeneous = np.c_[points, np.ones(len(points))]
    zero = np.zeros_like(homogeneous)
    rows = np.r_[
        np.c_[homogeneous, zero, -x[:, None] * homogeneous],
        np.c_[zero, homogeneous, -y[:, None] * homogeneous],
    ]
    projection = np.linalg.eigh(rows.T @ rows)[1][:, 0].reshape(3, 4)
    lens = cv2.decomposeProjectionMatrix(projection)[0]
    to_pixels = np.array([[spread, 0, middle[0]], [0, spread, middle[1]], [0, 0, 1]])
    lens = to_pixels @ (lens / lens[2, 2])
    return np.array([[abs(lens[0, 0]), 0, lens[0, 2]], [0, abs(lens[1, 1]), lens[1, 2]], [0, 0, 1]])
