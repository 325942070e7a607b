"""Skeletons drawn over photographs."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from pose_lib.keypoints import People
from pose_lib.plots.palette import (
    OTHERS_COLOR,
    OTHERS_OUTLINE,
    PERSON_COLORS,
    SIDE_COLORS,
    Side,
    bgr,
    bone_side,
    joint_side,
)
from pose_lib.skeleton import Skeleton

LINE_WIDTH_SHARE = 1 / 200
"""Width of a bone over the image's mean side."""
OPAQUE_CONFIDENCE = 0.5
"""Confidence from which on a joint is drawn opaque."""
MIN_OPACITY = 0.3
"""Opacity of a joint with next to no confidence."""
_SUBPIXEL_BITS = 4


def draw_people(
    image: UInt8[np.ndarray, "height width 3"],
    people: People,
    skeleton: Skeleton,
    *,
    chosen: Bool[np.ndarray, "person"] | None = None,
    line_width: float | None = None,
) -> UInt8[np.ndarray, "height width 3"]:
    """Draw every person's skeleton over a copy of the image.

    Colors mean left and right, outlines mean persons, and joints of low confidence are faint.

    Args:
        image: BGR.
        chosen: Who is drawn in colors, over the others in grey; everybody where not given.
        line_width: Of a bone, in pixels; by the image's size where not given.
    """
    width = line_width or max(1.5, LINE_WIDTH_SHARE * sum(image.shape[:2]) / 2)
    paint, opacity = image.copy(), np.zeros(image.shape[:2], np.uint8)
    chosen = np.ones(len(people), bool) if chosen is None else chosen
    others = _Look(OTHERS_OUTLINE, dict.fromkeys(SIDE_COLORS, OTHERS_COLOR))
    looks = [(keypoints, others) for keypoints in people.keypoints[~chosen]]
    for number, keypoints in enumerate(people.keypoints[chosen]):
        outline = PERSON_COLORS[number % len(PERSON_COLORS)]
        looks.append((keypoints, _Look(outline, SIDE_COLORS)))
    for keypoints, look in looks:
        found = (keypoints[:, 2] > 0) & np.isfinite(keypoints[:, :2]).all(-1)
        _draw_opacity(opacity, keypoints, found, skeleton, width)
        _draw_outline(paint, keypoints, found, skeleton, width, bgr(look.outline))
        _draw_inside(paint, keypoints, found, skeleton, width, look.sides)
    return _blended(image, paint, opacity)


@dataclass(frozen=True)
class _Look:
    """The colors of one person."""

    outline: str
    sides: Mapping[Side, str]


def _outline_width(width: float) -> int:
    return round(width + 2 * max(1.0, 0.3 * width))


def _draw_opacity(
    opacity: UInt8[np.ndarray, "height width"],
    keypoints: Float[np.ndarray, "joint 3"],
    found: Bool[np.ndarray, "joint"],
    skeleton: Skeleton,
    width: float,
) -> None:
    certainty = np.clip(np.nan_to_num(keypoints[:, 2]) / OPAQUE_CONFIDENCE, 0, 1)
    values = np.round(255 * (MIN_OPACITY + (1 - MIN_OPACITY) * certainty)).astype(int)
    for ends in skeleton.bone_indices:
        if found[ends].all():
            value = int(values[ends].min())
            _line(opacity, keypoints[ends], (value,), _outline_width(width))
    for joint in np.flatnonzero(found):
        _dot(opacity, keypoints[joint], (int(values[joint]),), 0.5 * _outline_width(1.6 * width))


def _draw_outline(
    paint: UInt8[np.ndarray, "height width 3"],
    keypoints: Float[np.ndarray, "joint 3"],
    found: Bool[np.ndarray, "joint"],
    skeleton: Skeleton,
    width: float,
    color: tuple[int, int, int],
) -> None:
    beyond = 2  # so that opacity alone shapes the outer edge
    for ends in skeleton.bone_indices:
        if found[ends].all():
            _line(paint, keypoints[ends], color, _outline_width(width) + beyond)
    for joint in np.flatnonzero(found):
        _dot(paint, keypoints[joint], color, 0.5 * (_outline_width(1.6 * width) + beyond))


def _draw_inside(
    paint: UInt8[np.ndarray, "height width 3"],
    keypoints: Float[np.ndarray, "joint 3"],
    found: Bool[np.ndarray, "joint"],
    skeleton: Skeleton,
    width: float,
    colors: Mapping[Side, str],
) -> None:
    for bone, ends in zip(skeleton.bones, skeleton.bone_indices, strict=True):
        if found[ends].all():
            _line(paint, keypoints[ends], bgr(colors[bone_side(bone)]), round(width))
    for joint in np.flatnonzero(found):
        color = bgr(colors[joint_side(skeleton.joints[joint])])
        _dot(paint, keypoints[joint], color, 0.8 * width)


def _blended(
    image: UInt8[np.ndarray, "height width 3"],
    paint: UInt8[np.ndarray, "height width 3"],
    opacity: UInt8[np.ndarray, "height width"],
) -> UInt8[np.ndarray, "height width 3"]:
    blended = image.copy()
    left, top, width, height = cv2.boundingRect(opacity)  # most of a picture has no skeleton
    inside = np.s_[top : top + height, left : left + width]
    share = opacity[inside][..., None].astype(np.uint16)
    mixed = image[inside] * (255 - share) + paint[inside] * share
    blended[inside] = ((mixed + 127) // 255).astype(np.uint8)
    return blended


def _line(
    picture: np.ndarray,
    ends: Float[np.ndarray, "2 3"],
    color: tuple[int, ...],
    width: int,
) -> None:
    start, end = map(_fixed_point, ends)
    cv2.line(picture, start, end, color, max(width, 1), cv2.LINE_AA, _SUBPIXEL_BITS)


def _dot(
    picture: np.ndarray,
    keypoint: Float[np.ndarray, "3"],
    color: tuple[int, ...],
    radius: float,
) -> None:
    fixed_radius = round(radius * 2**_SUBPIXEL_BITS)
    cv2.circle(
        picture, _fixed_point(keypoint), fixed_radius, color, -1, cv2.LINE_AA, _SUBPIXEL_BITS
    )


def _fixed_point(keypoint: Float[np.ndarray, "3"]) -> tuple[int, int]:
    x, y = np.round(keypoint[:2] * 2**_SUBPIXEL_BITS)
    return int(x), int(y)
