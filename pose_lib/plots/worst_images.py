"""A sheet of images with what was found in them drawn against what was annotated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pose_lib.evaluation.image_matching import ImageMatch
from pose_lib.keypoints import People
from pose_lib.plots.figures import CROP_LINE, crop_to_person
from pose_lib.plots.gallery import Picture
from pose_lib.plots.overlay import draw_people
from pose_lib.skeleton import Skeleton

_INK, _SOFT_INK = "#1F2429", "#4A5259"
_RIGHT, _WRONG = "#FFFFFF", "#E6007E"
_COLUMNS = 4
_DPI = 150.0
_CELL_INCHES = 3.4
_NAME_INCHES = 0.32
_FOOT_INCHES = 0.5
_GAP = 0.05
_LETTERS_PER_INCH = 16
_MARK_SHARE = 0.05  # of a person's size
_MARK_POINTS = (2.5, 6.0)


@dataclass(frozen=True)
class ShownImage:
    """An image, BGR, what was found in it, and how it matches the truth."""

    match: ImageMatch
    picture: Picture
    people: People


def worst_figure(shown: Sequence[ShownImage], skeleton: Skeleton, scored: Skeleton) -> Figure:
    """Draw what was found over the images, and mark what was annotated.

    Args:
        skeleton: Of the people found.
        scored: The joints that are scored.
    """
    cuts = [_cut(image) for image in shown]
    columns = min(_COLUMNS, max(1, len(cuts)))
    cell = _CELL_INCHES if columns > 1 else 2 * _CELL_INCHES
    rows = [cuts[start : start + columns] for start in range(0, len(cuts), columns)]
    tall = [max(_height(cut, cell) for cut in row) for row in rows]
    width, height = columns * cell, sum(tall) + _FOOT_INCHES
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    for place, cut in enumerate(cuts):
        row, column = divmod(place, columns)
        left, bottom = column * cell + _GAP, height - sum(tall[: row + 1]) + _GAP
        across, upward = cell - 2 * _GAP, tall[row] - _NAME_INCHES - _GAP
        box = (left / width, bottom / height, across / width, upward / height)
        axes = figure.add_axes(box, anchor="NW")
        _draw_cut(axes, cut, skeleton, scored, inches=across)
        _label(axes, cut.match, round(_LETTERS_PER_INCH * cell))
    figure.legend(
        handles=_marks_legend(), loc="lower center", ncols=3, frameon=False, labelcolor=_SOFT_INK
    )
    return figure


@dataclass(frozen=True)
class _Cut:
    """The part of an image around its annotated people, with all joints in the cut's pixels."""

    match: ImageMatch
    picture: Picture
    truth: Float[np.ndarray, "person joint 2"]
    people: People

    @property
    def person_share(self) -> float:
        """How much of the cut's longer side a person takes, typically."""
        extents = [np.ptp(xy[np.isfinite(xy).all(-1)], axis=0).max() for xy in self.truth]
        return float(np.median(extents)) / max(self.picture.shape[:2]) if extents else 1.0


def _cut(image: ShownImage) -> _Cut:
    """Cut out the annotated people and those matched with them."""
    match, people = image.match, image.people
    truth, found = match.truth, people.keypoints.astype(np.float64)
    needed = found.copy()
    needed[np.setdiff1d(np.arange(len(found)), match.matched), :, 2] = 0
    points = np.concatenate([truth.reshape(-1, 3), needed.reshape(-1, 3)])
    crop, moved = crop_to_person(image.picture, points)
    n_true = truth[..., 0].size
    found[..., :2] = moved[n_true:, :2].reshape(*found.shape[:2], 2)
    moved_truth = moved[:n_true, :2].reshape(*truth.shape[:2], 2)
    return _Cut(match, crop, moved_truth, People(found, people.score))


def _height(cut: _Cut, cell: float) -> float:
    """Return the inches that a cut and its name take in a cell as wide."""
    height, width = cut.picture.shape[:2]
    return (cell - 2 * _GAP) * min(1.0, height / width) + _NAME_INCHES + _GAP


def _draw_cut(
    axes: Axes, cut: _Cut, skeleton: Skeleton, scored: Skeleton, *, inches: float
) -> None:
    """Draw the found people and mark the annotated joints: white where right, else magenta.

    Args:
        inches: Side of the cut; marks are as large as the people in it allow.
    """
    size = float(np.clip(_MARK_SHARE * 72 * inches * cut.person_share, *_MARK_POINTS))
    drawn = draw_people(cut.picture, cut.people, skeleton, line_width=CROP_LINE * size / 12)
    axes.imshow(drawn[..., ::-1], interpolation="antialiased")
    xlim, ylim = axes.get_xlim(), axes.get_ylim()
    match, found = cut.match, cut.people.keypoints[:, skeleton.indices(scored.joints), :2]
    annotated = match.truth[..., 2] > 0
    elsewhere = annotated & ~match.right & match.present
    for person, joint in np.argwhere(elsewhere):
        ends = np.stack([cut.truth[person, joint], found[match.matched[person], joint]])
        axes.plot(*ends.T, color=_WRONG, linewidth=0.27 * size, zorder=3)
    axes.plot(*cut.truth[annotated & match.right].T, **_mark("o", _RIGHT, size))
    axes.plot(*cut.truth[elsewhere].T, **_mark("o", _WRONG, size))
    axes.plot(*cut.truth[annotated & ~match.present].T, **_mark("x", _WRONG, size))
    axes.set(xlim=xlim, ylim=ylim, xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _mark(marker: str, color: str, size: float) -> dict[str, Any]:
    return {
        "linestyle": "none",
        "marker": marker,
        "markersize": size,
        "markerfacecolor": "none",
        "markeredgecolor": color,
        "markeredgewidth": 0.27 * size,
        "path_effects": [patheffects.withStroke(linewidth=0.5 * size, foreground=_INK)],
        "zorder": 4,
    }


def _marks_legend() -> list[Line2D]:
    return [
        Line2D([], [], label="annotated, found right", **_mark("o", _RIGHT, _MARK_POINTS[1])),
        Line2D([], [], label="annotated, found elsewhere", **_mark("o", _WRONG, _MARK_POINTS[1])),
        Line2D([], [], label="annotated, not found", **_mark("x", _WRONG, _MARK_POINTS[1])),
    ]


def _label(axes: Axes, match: ImageMatch, letters: int) -> None:
    measure = "OKS" if np.isnan(match.pckh50) else "PCKh"
    axes.text(
        0.025,
        0.975,
        f"{measure} {match.score:.2f}",
        transform=axes.transAxes,
        ha="left",
        va="top",
        fontsize=11,
        fontweight="bold",
        color="white",
        bbox={"boxstyle": "round,pad=0.3", "facecolor": _INK, "edgecolor": "none", "alpha": 0.85},
        zorder=6,
    )
    found = f"{int(match.found.sum())} of {len(match.found)} found"
    name, most = match.filename, letters - len(found) - 3
    name = name if len(name) <= most else f"…{name[1 - most :]}"
    axes.set_title(
        f"{name}   {found}", fontsize=9, loc="left", pad=4, color=_SOFT_INK, parse_math=False
    )
