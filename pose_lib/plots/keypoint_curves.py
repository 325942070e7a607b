"""How well joints and people are found, as curves and bars."""

import itertools
from collections.abc import Iterable
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from pose_lib.evaluation.average_precision import OKS_THRESHOLDS, RECALLS
from pose_lib.evaluation.keypoint_metrics import PCKH_THRESHOLDS
from pose_lib.evaluation.keypoint_report import KeypointReport
from pose_lib.plots.figures import DPI
from pose_lib.plots.palette import SIDE_COLORS, joint_side

_BODY = (
    *("head_top", "nose", "eye", "ear", "upper_neck", "neck", "thorax", "chest", "shoulder"),
    *("elbow", "wrist", "spine", "pelvis", "hip", "knee", "ankle", "heel", "big_toe", "small_toe"),
)
"""Joints without their side from the head down: the order of bars and curves."""

_INK, _SOFT_INK, _GRID = "#1F2429", "#4A5259", "#E6E9EC"
_TITLE: dict[str, Any] = {"fontsize": 14, "fontweight": "bold", "color": _INK, "loc": "left"}
_CAPTION: dict[str, Any] = {"fontsize": 11, "color": _SOFT_INK}
_LINE_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D1F")
"""Okabe and Ito's, which the color-blind can distinguish."""
_LINE_STYLES = ("solid", "dashed", "dotted")

_COUNTS_AT = 124
"""Where the bars' column of counts ends, on the axis of per cent."""


def pckh_figure(report: KeypointReport) -> Figure:
    """Show the share of right joints against the distance allowed, by kind of joint and in all."""
    figure = Figure(figsize=(8, 5), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    styles = itertools.product(_LINE_STYLES, _LINE_COLORS)
    for (kind, joints), (style, color) in zip(
        kinds_of_joints(report.scored.joints).items(), styles, strict=False
    ):
        curve = report.curve(*joints)
        if np.isfinite(curve).all():
            label = f"{words(kind)}  {100 * curve[-1]:.1f}"
            axes.plot(PCKH_THRESHOLDS, 100 * curve, color=color, linestyle=style, label=label)
    total = 100 * report.curve()
    label = f"all joints  {total[-1]:.1f}"
    axes.plot(PCKH_THRESHOLDS, total, color=_INK, linewidth=3, label=label)
    axes.set(xlim=(0, 0.5), ylim=(0, 101))
    axes.set_title("Joints right, by the distance allowed", **_TITLE)
    axes.set_xlabel("distance allowed, in heads", **_CAPTION)
    axes.set_ylabel("joints right, %", **_CAPTION)
    axes.legend(
        title="PCKh@0.5", frameon=False, loc="upper left", bbox_to_anchor=(1, 1), labelcolor=_INK
    )
    return _plain(figure)


def precision_recall_figure(report: KeypointReport) -> Figure:
    """Show precision against recall at each of COCO's similarity thresholds."""
    figure = Figure(figsize=(8, 5), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    shades = matplotlib.colormaps["viridis"](np.linspace(0.92, 0, len(OKS_THRESHOLDS)))
    for at, result, shade in zip(OKS_THRESHOLDS, report.precision_recall, shades, strict=True):
        label = f"{at:.2f}   {result.average_precision:.3f}"
        reached = result.recall + 0.01 >= RECALLS  # the line ends on the ground, not along it
        recall, precision = 100 * RECALLS[reached], 100 * result.precision[reached]
        axes.plot(recall, precision, color=shade, linewidth=1.8, label=label)
    axes.set(xlim=(0, 100), ylim=(0, 102))
    axes.set_title(f"Precision and recall: AP {report.oks_ap:.3f}", **_TITLE)
    axes.set_xlabel("annotated people found (recall), %", **_CAPTION)
    axes.set_ylabel("found people right (precision), %", **_CAPTION)
    axes.legend(
        title="OKS     AP", frameon=False, loc="upper left", bbox_to_anchor=(1, 1), labelcolor=_INK
    )
    return _plain(figure)


def joints_figure(report: KeypointReport) -> Figure:
    """Show how well each joint is found: PCKh@0.5, or COCO's similarity where that is not known."""
    by_head = any(np.isfinite(joint.pckh50) for joint in report.per_joint)
    of_joint = {joint.joint: joint for joint in report.per_joint if joint.annotated}
    joints = [of_joint[name] for name in in_body_order(of_joint)]
    values = [100 * (joint.pckh50 if by_head else joint.similarity) for joint in joints]
    height = 1.2 + 0.32 * max(len(joints), 1)
    figure = Figure(figsize=(8, height), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(joints))
    colors = [SIDE_COLORS[joint_side(joint.joint)] for joint in joints]
    axes.barh(places, np.nan_to_num(values), color=colors, height=0.72)
    axes.text(_COUNTS_AT, -0.9, "annotated", ha="right", va="center", **_CAPTION)
    for place, (joint, value) in enumerate(zip(joints, values, strict=True)):
        text = f"{value:.1f}" if np.isfinite(value) else "not known"
        axes.text(np.nan_to_num(value) + 1, place, text, va="center", **_CAPTION)
        axes.text(_COUNTS_AT, place, str(joint.annotated), ha="right", va="center", **_CAPTION)
    axes.set_yticks(places, [words(joint.joint) for joint in joints])
    axes.set(xlim=(0, _COUNTS_AT), ylim=(len(joints) - 0.4, -0.6), xticks=range(0, 101, 20))
    axes.set_title("Joints right at PCKh@0.5" if by_head else "Similarity of the joints", **_TITLE)
    axes.set_xlabel("%", **_CAPTION)
    axes.tick_params(axis="y", length=0)
    return _plain(figure, grid="x")


def in_body_order(joints: Iterable[str]) -> list[str]:
    """Return joints from the head down, the right one of two first."""
    return sorted(joints, key=lambda joint: (_place(joint), joint.startswith("left_")))


def kinds_of_joints(joints: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the joints by their names without the side, from the head down."""
    by_kind = itertools.groupby(in_body_order(joints), key=_kind)
    return {kind: tuple(of_kind) for kind, of_kind in by_kind}


def words(joint: str) -> str:
    """Return a joint's name as people write it."""
    return joint.replace("_", " ")


def _plain(figure: Figure, *, grid: Literal["both", "x"] = "both") -> Figure:
    for axes in figure.axes:
        axes.grid(color=_GRID, linewidth=0.8, axis=grid)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color("#B9C0C7")
        axes.tick_params(labelcolor=_SOFT_INK, color="#B9C0C7")
    return figure


def _kind(joint: str) -> str:
    return joint.removeprefix("left_").removeprefix("right_")


def _place(joint: str) -> int:
    return _BODY.index(_kind(joint)) if _kind(joint) in _BODY else len(_BODY)
