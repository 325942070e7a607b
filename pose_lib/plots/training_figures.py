"""Figures of training: the curves of one run, and the variants of a sweep."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pose_lib.lifting.training.sweep import FIGURES, Row
from pose_lib.plots.figures import DPI

SHOWN = ("pa_mpjpe", "noisy_pa_mpjpe", "mirror_rate")
SHOWN_WITHOUT_TRUTH = ("joint_error", "mirror_share", "depth_spread")

_INK, _SOFT_INK, _GRID = "#1F2429", "#4A5259", "#E6E9EC"
_FIRST, _OTHERS, _SEED = "#5B3A9B", "#B7A8D6", "#1F2429"
_TITLE: dict[str, Any] = {"fontsize": 12, "fontweight": "bold", "color": _INK}
_BEHIND: dict[str, Any] = {
    **{"xytext": (7, 0), "textcoords": "offset points", "va": "center"},
    **{"fontsize": 10, "color": _SOFT_INK},
}
_ROOM = 1.28
"""Of the longest bar, so that its number fits behind it."""


def training_curves(history: Sequence[Mapping[str, int | float]]) -> Figure:
    """Show the losses of generator and discriminator, its accuracy, and the distillation after it.

    Args:
        history: Each row ``step`` and any of ``generator_loss``, ``discriminator_loss``,
            ``discriminator_accuracy`` (0 to 1) and ``joint_error`` (trunk lengths). What no row
            has gets no curve.
    """
    distilled = any("joint_error" in row for row in history)
    figure = Figure(figsize=(12, 3.75), dpi=DPI, facecolor="white", layout="constrained")
    losses, accuracy, *rest = figure.subplots(1, 3 if distilled else 2)
    _curve(losses, history, "generator_loss", _FIRST, label="generator (lifter)")
    _curve(losses, history, "discriminator_loss", "#C4841D", label="discriminator")
    losses.set_title("GAN losses", loc="left", **_TITLE | {"fontsize": 14})

    accuracy.axhline(0.5, color="#9AA3AB", linestyle="--", linewidth=1, label="chance")
    _curve(accuracy, history, "discriminator_accuracy", "#C4841D", label="discriminator")
    accuracy.set_ylim(0, 1)
    accuracy.set_title("Discriminator accuracy", loc="left", **_TITLE | {"fontsize": 14})
    for axes in rest:
        _curve(axes, history, "joint_error", _FIRST, label="distilled lifter")
        axes.set_ylim(bottom=0)
        axes.set_title("Joint error (trunk lengths)", loc="left", **_TITLE | {"fontsize": 14})
    for axes in (losses, accuracy, *rest):
        axes.set_xlabel("step", fontsize=11, color=_SOFT_INK)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(frameon=False)
        axes.grid(color=_GRID, linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def sweep_figure(rows: Sequence[Row]) -> Figure:
    """Show a bar for each variant and a point for each of its seeds; the first is the measure.

    Args:
        rows: The first one's mean is drawn on as a line.
    """
    scored = any("pa_mpjpe" in row.values for row in rows)
    shown = [
        name
        for name in (SHOWN if scored else SHOWN_WITHOUT_TRUTH)
        if any(name in row.values for row in rows)
    ]
    height = 1.3 + 0.36 * len(rows)
    width = 2.6 + 3.6 * max(len(shown), 1)
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout="constrained")
    panels = figure.subplots(1, max(len(shown), 1), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, shown, strict=False):
        _bars(axes, rows, name)
    panels[0].set_yticks(
        range(len(rows)),
        [
            f"{row.variant} ({row.n_diverged} diverged)" if row.n_diverged else row.variant
            for row in rows
        ],
    )
    panels[0].set_ylim(len(rows) - 0.4, -0.6)
    return figure


def _curve(
    axes: Axes, history: Sequence[Mapping[str, int | float]], name: str, color: str, *, label: str
) -> None:
    """Draw each value faintly and their running mean over a fiftieth of them strongly."""
    rows = np.array([(row["step"], row[name]) for row in history if name in row])
    if not len(rows):
        return
    window = max(1, len(rows) // 50)
    means = [np.convolve(column, np.full(window, 1 / window), "valid") for column in rows.T]
    axes.plot(*rows.T, color=color, linewidth=1, alpha=0.3)
    axes.plot(*means, color=color, linewidth=2, label=label)


def _bars(axes: Axes, rows: Sequence[Row], name: str) -> None:
    title, digits = FIGURES[name]
    means = np.array([row.mean(name) for row in rows])
    colors = [_FIRST, *[_OTHERS] * (len(rows) - 1)]
    axes.barh(range(len(rows)), np.nan_to_num(means), color=colors, height=0.68)
    longest = 0.0
    for place, row in enumerate(rows):
        values = row.values.get(name, ())
        axes.plot(
            values, [place] * len(values), "o", color=_SEED, markersize=4.5, mec="white", mew=0.6
        )
        end = max(values, default=0.0)
        longest = max(longest, end)
        text = f"{means[place]:.{digits}f}" if values else "stopped"
        axes.annotate(text, (end, place), **_BEHIND)
    axes.axvline(float(np.nan_to_num(means[0])), color=_FIRST, linewidth=1, linestyle="--")
    axes.set_xlim(0, _ROOM * longest or 1)
    axes.locator_params(axis="x", nbins=4)
    axes.set_title(title, loc="left", **_TITLE)
    axes.grid(color=_GRID, linewidth=0.8, axis="x")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0, labelcolor=_INK)
    axes.tick_params(axis="x", labelcolor=_SOFT_INK, color="#B9C0C7")
