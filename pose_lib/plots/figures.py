"""Figures of people: photograph, 2D pose and lifted 3D pose side by side.

Everything goes through matplotlib's objects, never through pyplot: workers draw at the same time.
"""

import io
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D
from PIL import Image

from pose_lib.keypoints import People
from pose_lib.plots.overlay import draw_people
from pose_lib.plots.scene import (
    FRONT,
    OBLIQUE,
    SIDE,
    draw_pose_2d,
    draw_pose_3d,
    legend_handles,
)
from pose_lib.skeleton import BODY_15, Skeleton

DPI = 100.0
CROP_PIXELS = 640
"""Longer side of a photograph in a figure; small people are enlarged to it before drawing."""
CROP_LINE = 6.0
"""Width of a bone in it, in its pixels."""

_MARGIN_INCHES = 0.15
_TITLE_INCHES = 0.4
_CAPTION_INCHES = 0.28
_LEGEND_INCHES = 0.36
_LETTERS_PER_INCH = 7  # of the title's font
_TITLE: dict[str, Any] = {"fontsize": 14, "fontweight": "bold", "color": "#1F2429"}
_CAPTION: dict[str, Any] = {"fontsize": 11, "color": "#4A5259"}
_FRAME = "#D3D8DD"
_SHRINKS = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25)
_COLORS = (256, 96)
_VIEWS = {"from the camera": FRONT, "from the right": SIDE}


def triptych(
    image: UInt8[np.ndarray, "height width 3"],
    keypoints: Float[np.ndarray, "joint 3"],
    skeleton: Skeleton,
    pose: Float[np.ndarray, "15 3"],
    filled: Bool[np.ndarray, "15"],
    *,
    uncertainty: Float[np.ndarray, "15"] | None = None,
    title: str = "",
) -> Figure:
    """Show one person: photograph with skeleton, 2D pose, and the 3D pose from two angles.

    Args:
        image: BGR, the whole picture.
        keypoints: As detected, on ``skeleton``.
        pose: Lifted, ``BODY_15``, camera frame, any unit.
        filled: Joints of ``BODY_15`` that were not detected; drawn hollow.
        uncertainty: The error to expect of each joint, drawn as a halo; none where not given.
    """
    return comparison(
        image,
        keypoints,
        skeleton,
        pose[None],
        filled,
        labels=["3D pose"],
        uncertainty=None if uncertainty is None else uncertainty[None],
        title=title,
    )


def comparison(
    image: UInt8[np.ndarray, "height width 3"],
    keypoints: Float[np.ndarray, "joint 3"],
    skeleton: Skeleton,
    poses: Float[np.ndarray, "lifter 15 3"],
    filled: Bool[np.ndarray, "15"],
    *,
    labels: Sequence[str],
    uncertainty: Float[np.ndarray, "lifter 15"] | None = None,
    title: str = "",
) -> Figure:
    """Show one person: photograph with skeleton, 2D pose, and several lifters' 3D poses.

    Args:
        labels: A lifter's name for each of ``poses``.
        uncertainty: The error that each lifter expects of each joint, drawn as a halo.
    """
    if len(labels) != len(poses):
        raise ValueError(f"{len(poses)} poses but {len(labels)} labels")
    n_spatial = len(_VIEWS) * len(poses)
    figure = Figure(figsize=(3 * (2 + n_spatial), 3.75), dpi=DPI, facecolor="white")
    (photograph, flat), spatial = _row_of_panels(figure, n_flat=2, n_spatial=n_spatial)
    moved = _draw_photograph(photograph, image, keypoints, skeleton)
    draw_pose_2d(flat, moved, skeleton)
    flat.set(xlim=photograph.get_xlim(), ylim=photograph.get_ylim())
    _caption(figure, photograph, "photograph")
    _caption(figure, flat, "2D pose")
    shown = itertools.product(range(len(poses)), _VIEWS.items())
    for axes, (lifter, (angle, view)) in zip(spatial, shown, strict=True):
        halos = None if uncertainty is None else uncertainty[lifter]
        draw_pose_3d(axes, poses[lifter], filled, BODY_15, view=view, uncertainty=halos)
        _caption(figure, axes, f"{labels[lifter]}, {angle}")
    _title_and_legend(figure, title, bool(filled.any()), uncertainty is not None)
    return figure


def pose_grid(
    images: Sequence[UInt8[np.ndarray, "_ _ 3"]],
    keypoints: Float[np.ndarray, "person joint 3"],
    skeleton: Skeleton,
    poses: Float[np.ndarray, "person 15 3"],
    filled: Bool[np.ndarray, "person 15"],
    *,
    uncertainty: Float[np.ndarray, "person 15"] | None = None,
    columns: int = 4,
) -> Figure:
    """Show many people on one sheet, each as photograph with skeleton and one view in space.

    Args:
        images: The picture of each person, BGR.
        uncertainty: The error to expect of each joint, drawn as a halo; none where not given.
    """
    rows = max(1, -(-len(images) // columns))
    cell, gap, width = 1.9, 0.08, 3.8 * columns
    height = cell * rows + _LEGEND_INCHES
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    for person, image in enumerate(images):
        row, column = divmod(person, columns)
        left, bottom = (2 * column * cell + gap) / width, 1 - ((row + 1) * cell - gap) / height
        across, upward = (cell - gap) / width, (cell - 2 * gap) / height
        photograph = _flat_axes(figure, (left, bottom, across, upward))
        space = _spatial_axes(figure, (left + cell / width, bottom, across, upward))
        _draw_photograph(photograph, image, keypoints[person], skeleton)
        halos = None if uncertainty is None else uncertainty[person]
        draw_pose_3d(
            space,
            poses[person],
            filled[person],
            BODY_15,
            view=OBLIQUE,
            weight=0.7,
            uncertainty=halos,
        )
    _title_and_legend(figure, "", bool(filled.any()), uncertainty is not None)
    return figure


def png_bytes(figure: Figure, *, max_bytes: int | None = None) -> bytes:
    """Encode a figure as PNG, with fewer colors and then fewer pixels until it is small enough.

    Raises:
        ValueError: If not even a thumbnail fits.
    """
    if max_bytes is None:
        return _rendered(figure, figure.dpi)
    return _small_png(
        lambda shrink: Image.open(io.BytesIO(_rendered(figure, shrink * figure.dpi))), max_bytes
    )


def smaller_png(content: bytes, *, max_bytes: int) -> bytes:
    """Encode a PNG anew, as `png_bytes`.

    Raises:
        ValueError: If not even a thumbnail fits.
    """
    picture = Image.open(io.BytesIO(content)).convert("RGB")

    def shrunk(shrink: float) -> Image.Image:
        width, height = (max(1, round(shrink * side)) for side in picture.size)
        return picture.resize((width, height), Image.Resampling.LANCZOS)

    return _small_png(shrunk, max_bytes)


def crop_to_person(
    image: UInt8[np.ndarray, "height width 3"], keypoints: Float[np.ndarray, "joint 3"]
) -> tuple[UInt8[np.ndarray, "crop_height crop_width 3"], Float[np.ndarray, "joint 3"]]:
    """Cut out the square around a person, as far as the picture reaches, at a readable size.

    Returns:
        The cut and the keypoints in its pixels.
    """
    found = (keypoints[:, 2] > 0) & np.isfinite(keypoints[:, :2]).all(-1)
    limits = np.array(image.shape[1::-1])
    xy = keypoints[found, :2] if found.any() else np.array([[0, 0], limits])
    side = min(1.4 * max(np.ptp(xy, axis=0).max(), 16), limits.max())
    center = (xy.min(0) + xy.max(0)) / 2
    size = np.minimum(np.ceil(side), limits).astype(int)
    low = np.clip(np.round(center - size / 2), 0, limits - size).astype(int)
    (left, top), (right, bottom) = low, low + size

    scale = CROP_PIXELS / size.max()
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    width, height = np.maximum(np.round(scale * size), 1).astype(int).tolist()
    crop = cv2.resize(image[top:bottom, left:right], (width, height), interpolation=method)
    moved = keypoints.copy()
    moved[:, :2] = (keypoints[:, :2] - low + 0.5) * scale - 0.5  # pixel centers stay centers
    return crop, moved


def _row_of_panels(
    figure: Figure, *, n_flat: int, n_spatial: int
) -> tuple[list[Axes], list[Axes3D]]:
    width, height = figure.get_size_inches()
    pitch = width / (n_flat + n_spatial)
    tall = height - _TITLE_INCHES - _CAPTION_INCHES - _LEGEND_INCHES
    boxes = [
        (
            (column * pitch + _MARGIN_INCHES / 2) / width,
            _LEGEND_INCHES / height,
            (pitch - _MARGIN_INCHES) / width,
            tall / height,
        )
        for column in range(n_flat + n_spatial)
    ]
    flat = [_flat_axes(figure, box) for box in boxes[:n_flat]]
    return flat, [_spatial_axes(figure, box) for box in boxes[n_flat:]]


def _flat_axes(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    axes = figure.add_axes(box)
    axes.set(xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set_color(_FRAME)
    return axes


def _spatial_axes(figure: Figure, box: tuple[float, float, float, float]) -> Axes3D:
    axes = figure.add_axes(box, projection="3d")
    assert isinstance(axes, Axes3D)
    return axes


def _draw_photograph(
    photograph: Axes,
    image: UInt8[np.ndarray, "height width 3"],
    keypoints: Float[np.ndarray, "joint 3"],
    skeleton: Skeleton,
) -> Float[np.ndarray, "joint 3"]:
    """Draw the person's part of the picture with the skeleton; return the keypoints in it."""
    crop, moved = crop_to_person(image, keypoints)
    drawn = draw_people(crop, People(moved[None], np.ones(1)), skeleton, line_width=CROP_LINE)
    photograph.imshow(drawn[..., ::-1], interpolation="antialiased")
    return moved


def _caption(figure: Figure, axes: Axes, text: str) -> None:
    box = axes.get_position(original=True)
    above = box.y1 + 0.5 * _CAPTION_INCHES / figure.get_figheight()
    figure.text(
        (box.x0 + box.x1) / 2, above, text, ha="center", va="center", parse_math=False, **_CAPTION
    )


def _title_and_legend(
    figure: Figure, title: str, with_filled: bool, with_uncertainty: bool
) -> None:
    width, height = figure.get_size_inches()
    left, top = _MARGIN_INCHES / width, 1 - 0.5 * _TITLE_INCHES / height
    half = round(_LETTERS_PER_INCH * width) // 2
    if len(title) > 2 * half:  # both ends of a path matter
        title = f"{title[:half]} … {title[-half:]}"
    figure.text(left, top, title, va="center", parse_math=False, **_TITLE)
    figure.legend(
        handles=legend_handles(with_filled=with_filled, with_uncertainty=with_uncertainty),
        loc="lower center",
        ncols=5,
        frameon=False,
        fontsize=_CAPTION["fontsize"],
        labelcolor=_CAPTION["color"],
        borderaxespad=0.3,
    )


def _rendered(figure: Figure, dpi: float) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def _small_png(shrunk: Callable[[float], Image.Image], max_bytes: int) -> bytes:
    for shrink in _SHRINKS:
        picture = shrunk(shrink).convert("RGB")
        for colors in _COLORS:
            buffer = io.BytesIO()
            quantized = picture.quantize(colors, dither=Image.Dither.NONE)
            quantized.save(buffer, format="png", optimize=True)
            if buffer.tell() <= max_bytes:
                return buffer.getvalue()
    raise ValueError(f"no version of the figure fits into {max_bytes} bytes")
