"""Drawing one pose into matplotlib axes: flat, as in the picture, or in space above a ground.

The 3D axes show the camera frame stood upright for the viewer: matplotlib's x is the camera's x,
its y the depth away from the camera, its z the height. That is a rotation, so nothing is mirrored.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from pose_lib.plots.palette import SIDE_COLORS, bone_side, joint_side
from pose_lib.skeleton import Skeleton

FRONT = (8.0, -80.0)
"""Elevation and azimuth, in degrees: all but where the camera was."""
SIDE = (8.0, -10.0)
"""Turned to the camera's right: what was far from the camera is now at the right."""
OBLIQUE = (10.0, -55.0)
"""Between the two, where there is room for one view only."""

_BONE_WIDTH = 3.2
_JOINT_SIZE = 5.5
_SHADOW_WIDTH = 2.4
_HALO_OPACITY = 0.16
_HALO_CORNERS = 48
_FOOT_ROOM = 0.04  # of the height, above and below
_GRID_CELLS = 6
_GRID: dict[str, Any] = {"color": "#D3D8DD", "linewidth": 0.8, "zorder": 1}
_SHADOW: dict[str, Any] = {
    "color": "#C2C8CE",
    "solid_capstyle": "round",
    "zorder": 2,
}


def upright(pose: Float[np.ndarray, "joint 3"]) -> Float[np.ndarray, "joint 3"]:
    """Turn a pose from the camera frame (y down, z away) so that z points up and y away."""
    x, y, z = np.moveaxis(pose, -1, 0)
    return np.stack([x, z, -y], axis=-1)


def draw_pose_2d(axes: Axes, keypoints: Float[np.ndarray, "joint 3"], skeleton: Skeleton) -> None:
    """Draw the keypoints that were found, in pixels; limits are the caller's."""
    found = (keypoints[:, 2] > 0) & np.isfinite(keypoints[:, :2]).all(-1)
    for bone, ends in zip(skeleton.bones, skeleton.bone_indices, strict=True):
        if found[ends].all():
            axes.plot(*keypoints[ends, :2].T, **_bone_style(bone), zorder=2)
    for joint in np.flatnonzero(found):
        style = _joint_style(skeleton.joints[joint])
        axes.plot(*keypoints[joint, :2], **style, zorder=3)


def draw_pose_3d(
    axes: Axes3D,
    pose: Float[np.ndarray, "joint 3"],
    filled: Bool[np.ndarray, "joint"],
    skeleton: Skeleton,
    *,
    view: tuple[float, float],
    weight: float = 1.0,
    uncertainty: Float[np.ndarray, "joint"] | None = None,
) -> None:
    """Draw a pose in space over a ground grid with its shadow, one scale on all axes.

    Args:
        pose: Camera frame, any unit; a NaN joint is left out.
        filled: Joints that were not seen in the picture: drawn hollow, their bones dashed.
        view: Elevation and azimuth in degrees.
        weight: Of lines and dots, below one in small axes.
        uncertainty: Radius of a halo around each joint, in the unit of the pose.
    """
    points = upright(pose)
    known = np.isfinite(points).all(-1)
    if not known.any():
        axes.set_axis_off()
        axes.text2D(0.5, 0.5, "not lifted", transform=axes.transAxes, ha="center", fontsize=11)
        return
    halos = np.zeros(len(points)) if uncertainty is None else np.nan_to_num(uncertainty)
    _frame(axes, points[known], halos[known], view)
    _draw_ground(axes, points, skeleton, weight)
    _draw_halos(axes, points[known], halos[known], _colors(skeleton)[known], view)
    nearness = _nearness(points, view)
    for bone, ends in zip(skeleton.bones, skeleton.bone_indices, strict=True):
        if known[ends].all():
            style = _bone_style(bone, dashed=bool(filled[ends].any()), weight=weight)
            axes.plot(*points[ends].T, **style, zorder=10 + nearness[ends].min())
    for joint in np.flatnonzero(known):
        style = _joint_style(skeleton.joints[joint], hollow=bool(filled[joint]), weight=weight)
        axes.plot(*points[joint, :, None], **style, zorder=10.01 + nearness[joint])


def legend_handles(*, with_filled: bool, with_uncertainty: bool = False) -> list[Line2D]:
    """Return what the colors stand for and, where any are shown, the hollow joints and halos."""
    sides = {"right_hip": "right", "left_hip": "left", "neck": "middle"}
    handles = [
        Line2D([], [], label=label, color=_joint_style(joint)["color"], linewidth=_BONE_WIDTH)
        for joint, label in sides.items()
    ]
    if with_filled:
        style = _joint_style("neck", hollow=True)
        handles.append(Line2D([], [], label="not seen, filled in", **style))
    if with_uncertainty:
        style = _joint_style("neck") | {"markersize": 3 * _JOINT_SIZE, "markeredgewidth": 0}
        halo = Line2D([], [], label="halo: error to expect", **style, alpha=2 * _HALO_OPACITY)
        handles.append(halo)
    return handles


def _bone_style(
    bone: tuple[str, str], *, dashed: bool = False, weight: float = 1
) -> dict[str, Any]:
    width = weight * _BONE_WIDTH
    outline = patheffects.Stroke(linewidth=width + 1.8 * weight, foreground="white")
    return {
        "color": SIDE_COLORS[bone_side(bone)],
        "linewidth": width,
        "linestyle": (0, (1.6, 0.8)) if dashed else "solid",
        "dash_capstyle": "butt",
        "solid_capstyle": "round",
        "path_effects": [] if dashed else [outline, patheffects.Normal()],
    }


def _joint_style(joint: str, *, hollow: bool = False, weight: float = 1) -> dict[str, Any]:
    color = SIDE_COLORS[joint_side(joint)]
    return {
        "color": color,
        "linestyle": "none",
        "marker": "o",
        "markersize": weight * (_JOINT_SIZE + (0.5 if hollow else 0)),
        "markerfacecolor": "white" if hollow else color,
        "markeredgecolor": color if hollow else "white",
        "markeredgewidth": weight * (1.6 if hollow else 0.8),
    }


def _colors(skeleton: Skeleton) -> np.ndarray:
    return np.array([SIDE_COLORS[joint_side(joint)] for joint in skeleton.joints])


def _frame(
    axes: Axes3D,
    points: Float[np.ndarray, "joint 3"],
    halos: Float[np.ndarray, "joint"],
    view: tuple[float, float],
) -> None:
    """Set limits, aspect, view and zoom so that the pose fills the axes undistorted."""
    low, high = (points - halos[:, None]).min(0), (points + halos[:, None]).max(0)
    center, span = (low + high) / 2, high - low
    radius = 0.56 * max(span[0], span[1], 0.35 * span[2], 1e-6)
    height = max(span[2], 0.2 * radius)
    axes.set_xlim3d(center[0] - radius, center[0] + radius)
    axes.set_ylim3d(center[1] - radius, center[1] + radius)
    axes.set_zlim3d(low[2] - _FOOT_ROOM * height, low[2] + (1 + _FOOT_ROOM) * height)

    box = np.array([2 * radius, 2 * radius, (1 + 2 * _FOOT_ROOM) * height])
    axes.set_proj_type("ortho")
    axes.view_init(elev=view[0], azim=view[1])
    axes.set_box_aspect(box, zoom=zoom_to_fit(box, view))
    axes.computed_zorder = False  # far to near by our own order: lines are not sorted else
    axes.set_axis_off()
    axes.patch.set_alpha(0)


def zoom_to_fit(box: Float[np.ndarray, "3"], view: tuple[float, float]) -> float:
    """Return the zoom at which the box's outline just fits into square axes.

    Source:
        matplotlib scales the box's diagonal to 1.9057 of its units, of which 1.85 are in view
        (``Axes3D.set_box_aspect``, ``Axes3D.set_top_view``).
    """
    elevation, azimuth = np.radians(view)
    across = box[0] * abs(np.sin(azimuth)) + box[1] * abs(np.cos(azimuth))
    along = box[0] * abs(np.cos(azimuth)) + box[1] * abs(np.sin(azimuth))
    upward = box[2] * np.cos(elevation) + along * np.sin(elevation)
    return float(0.97 * 1.85 / 1.9057 * np.linalg.norm(box) / max(across, upward))


def _draw_ground(
    axes: Axes3D, points: Float[np.ndarray, "joint 3"], skeleton: Skeleton, weight: float
) -> None:
    (west, east), (near, far) = axes.get_xlim3d(), axes.get_ylim3d()
    floor = np.nanmin(points[:, 2]) - _FOOT_ROOM * np.ptp(axes.get_zlim3d())
    for share in np.linspace(0, 1, _GRID_CELLS + 1):
        x, y = west + share * (east - west), near + share * (far - near)
        axes.plot([x, x], [near, far], [floor, floor], **_GRID)
        axes.plot([west, east], [y, y], [floor, floor], **_GRID)
    for ends in skeleton.bone_indices:
        if np.isfinite(points[ends]).all():
            axes.plot(
                *points[ends, :2].T, [floor, floor], **_SHADOW, linewidth=weight * _SHADOW_WIDTH
            )


def _draw_halos(
    axes: Axes3D,
    points: Float[np.ndarray, "joint 3"],
    halos: Float[np.ndarray, "joint"],
    colors: np.ndarray,
    view: tuple[float, float],
) -> None:
    """Draw each joint's ball as the disc that the viewer sees, behind all bones."""
    toward = _toward_viewer(view)
    right = np.array([-np.sin(np.radians(view[1])), np.cos(np.radians(view[1])), 0])
    turn = np.linspace(0, 2 * np.pi, _HALO_CORNERS, endpoint=False)[:, None]
    circle = np.cos(turn) * right + np.sin(turn) * np.cross(toward, right)
    for point, halo, color in zip(points, halos, colors, strict=True):
        if halo > 0:
            disc = Poly3DCollection([point + halo * circle], clip_on=False, zorder=3)
            disc.set(facecolor=color, edgecolor="none", alpha=_HALO_OPACITY)
            axes.add_collection3d(disc)


def _nearness(
    points: Float[np.ndarray, "joint 3"], view: tuple[float, float]
) -> Float[np.ndarray, "joint"]:
    """Return how near each joint is to the viewer, from -1 to 1."""
    depth = points @ _toward_viewer(view)
    return depth / max(np.nanmax(np.abs(depth)), 1e-9)


def _toward_viewer(view: tuple[float, float]) -> Float[np.ndarray, "3"]:
    elevation, azimuth = np.radians(view)
    level = np.array([np.cos(azimuth), np.sin(azimuth), 0])
    return np.cos(elevation) * level + np.sin(elevation) * np.array([0, 0, 1])
