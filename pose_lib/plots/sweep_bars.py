"""A sweep at a glance: what each variant costs, with the spread of its seeds."""

from collections.abc import Sequence
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
_BEHIND: dict[str, Any] = {
    **{"xytext": (7, 0), "textcoords": "offset points", "va": "center"},
    **{"fontsize": 10, "color": _SOFT_INK},
}
_ROOM = 1.28
"""Of the longest bar, so that its number fits behind it."""


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
    panels[0].set_yticks(range(len(rows)), [_label(row) for row in rows])
    panels[0].set_ylim(len(rows) - 0.4, -0.6)
    return figure


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
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=_INK)
    axes.grid(color=_GRID, linewidth=0.8, axis="x")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0, labelcolor=_INK)
    axes.tick_params(axis="x", labelcolor=_SOFT_INK, color="#B9C0C7")


def _label(row: Row) -> str:
    return f"{row.variant} ({row.n_diverged} diverged)" if row.n_diverged else row.variant
