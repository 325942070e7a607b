"""A web page in which 3D poses can be turned by hand: one file that needs nothing from outside."""

import base64
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from pose_lib.keypoints import People
from pose_lib.plots.figures import CROP_LINE, crop_to_person
from pose_lib.plots.overlay import draw_people
from pose_lib.plots.palette import SIDE_COLORS, bone_side, joint_side
from pose_lib.plots.scene import upright
from pose_lib.skeleton import BODY_15, Skeleton

THUMBNAIL_PIXELS = 200


def viewer_html(
    poses: Float[np.ndarray, "person 15 3"],
    filled: Bool[np.ndarray, "person 15"],
    *,
    uncertainty: Float[np.ndarray, "person 15"] | None = None,
    names: Sequence[str],
    title: str = "3D poses",
    thumbnails: Sequence[bytes] = (),
) -> str:
    """Return a page that shows one person at a time and lets the reader choose and turn them.

    Args:
        poses: ``BODY_15``, camera frame, any unit; a NaN joint is left out.
        filled: Joints that were not seen in the picture; drawn hollow.
        uncertainty: The error to expect of each joint, in the unit of the poses; drawn as a halo
            that the reader can turn off.
        names: What to call each person.
        thumbnails: A JPEG of each person, or none at all; see ``thumbnail``.
    """
    if len(names) != len(poses) or len(thumbnails) not in (0, len(poses)):
        raise ValueError(
            f"{len(poses)} poses, but {len(names)} names and {len(thumbnails)} thumbnails"
        )
    pictures = [base64.b64encode(jpeg).decode("ascii") for jpeg in thumbnails] or [""] * len(poses)
    uncertainties = np.zeros(filled.shape, np.float32) if uncertainty is None else uncertainty
    scene = {
        "title": title,
        "colors": SIDE_COLORS,
        "sides": [joint_side(joint) for joint in BODY_15.joints],
        "bones": [
            {"ends": ends.tolist(), "side": bone_side(bone)}
            for bone, ends in zip(BODY_15.bones, BODY_15.bone_indices, strict=True)
        ],
        "people": [
            {"name": name, "filled": mask.tolist(), "picture": picture, **_in_sphere(pose, halos)}
            for name, pose, mask, halos, picture in zip(
                names, poses, filled, uncertainties, pictures, strict=True
            )
        ],
    }
    page = (files("pose_lib") / "data" / "viewer.html").read_text(encoding="utf-8")
    return page.replace("/*SCENE*/", _json_for_html(scene))


def thumbnail(
    image: UInt8[np.ndarray, "height width 3"],
    keypoints: Float[np.ndarray, "joint 3"],
    skeleton: Skeleton,
) -> bytes:
    """Return a small JPEG of the person's part of the picture, with the skeleton."""
    crop, moved = crop_to_person(image, keypoints)
    drawn = draw_people(crop, People(moved[None], np.ones(1)), skeleton, line_width=CROP_LINE)
    shrink = THUMBNAIL_PIXELS / max(drawn.shape)
    size = [max(1, round(side * shrink)) for side in drawn.shape[1::-1]]
    small = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return jpeg.tobytes()


def _in_sphere(
    pose: Float[np.ndarray, "joint 3"], halos: Float[np.ndarray, "joint"]
) -> dict[str, list[Any]]:
    """Stand a pose upright around the origin, within a sphere of radius one, halos to scale.

    A joint that is NaN becomes None, a halo zero.
    """
    points = upright(pose)
    known = np.isfinite(points).all(-1)
    if not known.any():
        return {"joints": [None] * len(points), "halos": [0] * len(points)}
    centered = points - (points[known].min(0) + points[known].max(0)) / 2
    scale = 1 / max(float(np.linalg.norm(centered[known], axis=-1).max()), 1e-9)
    joints = [
        np.round(point, 4).tolist() if found else None
        for point, found in zip(scale * centered.astype(np.float64), known, strict=True)
    ]
    scaled_halos = scale * np.nan_to_num(halos.astype(np.float64))
    return {"joints": joints, "halos": np.round(scaled_halos, 4).tolist()}


def _json_for_html(value: Any) -> str:
    """Write JSON that cannot end the script element it stands in, whatever a file is called."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")
