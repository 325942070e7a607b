"""Draw the pictures of docs/lifting.md.

    python -m research.lifting_pictures [--data DATA] [--model FOLDER] [--out FOLDER]

No photograph is needed: poses are MPII's 2D annotations and CMU's motion capture.
"""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyBboxPatch
from mpl_toolkits.mplot3d import Axes3D

from benchmarks.robustness import SHARED, with_missing
from pose_lib.datasets.pose_truth import PoseTruth, read_pose_truth
from pose_lib.lifting.bones import (
    BONE_NAMES,
    BONES,
    bone_vectors,
    estimate_scale,
    joints_of,
    measure_bone_lengths,
)
from pose_lib.lifting.camera import pitched, turned
from pose_lib.lifting.evaluate import SCORED_JOINTS
from pose_lib.lifting.files.lifter_folder import bundled_lifter, load_lifter
from pose_lib.lifting.lifter import Lifter
from pose_lib.plots.figures import png_bytes
from pose_lib.plots.palette import SIDE_COLORS, bone_side
from pose_lib.plots.scene import SIDE, draw_pose_3d, legend_handles, upright
from pose_lib.skeleton import BODY_15
from pose_lib.training_data import read_training_poses
from research.calibration import MAX_BYTES, sureness

MPII = Path("mpii/annotations/mpii_train_full16.npz")
FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
INK, SOFT_INK, LINE = "#1F2429", "#4A5259", "#9AA3AB"
MARK, ONE, OTHER = "#E6007E", "#5B3A9B", "#C4841D"
AT_CAMERA = (0.0, -90.0)
WHOLE = np.zeros(len(BODY_15), bool)

BENT = 1493  # of the CMU poses: faces the camera, knees bent, arms toward it
RUNNER, STANDER, LUNGER = 5567, 4717, 12754  # of MPII's people
PERCENTILES = (10, 50, 95)
LEGS = ("hip_axis", "right_thigh", "right_shin", "left_thigh", "left_shin")
RIGHT_ARM = ("right_upper_arm", "right_forearm")


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    lifter = load_lifter(options.model) if options.model else bundled_lifter()
    truth = read_pose_truth(options.data / "mocap/eval_val_2d3d.npz")
    people = read_training_poses([options.data / MPII]).poses
    options.out.mkdir(parents=True, exist_ok=True)
    for name, figure in (
        ("canonical_bones", canonical_bones(truth, people)),
        ("mirror_ambiguity", mirror_ambiguity(truth.joints3d[BENT])),
        ("two_stages", two_stages(lifter, people)),
        ("lent_legs_and_arms", lent_legs_and_arms(lifter, people)),
        ("examples", examples(lifter, truth)),
    ):
        (options.out / f"{name}.png").write_bytes(png_bytes(figure, max_bytes=MAX_BYTES))


def canonical_bones(truth: PoseTruth, people: np.ndarray) -> Figure:
    """Show a bone that looks short, both ways it can reach, and how its length is known."""
    figure = Figure(figsize=(13, 4.6), dpi=100.0, facecolor="white", layout="constrained")
    picture, beside, lengths = figure.subplots(1, 3, width_ratios=(1, 1, 1.2))
    joints, bone = truth.joints3d[BENT], BODY_15.indices(("right_hip", "right_knee"))
    length = float(np.linalg.norm(np.diff(joints[bone], axis=0)))
    draw_sticks(picture, joints[:, :2])
    picture.add_patch(Circle(joints[bone[0], :2], length, fill=False, color=LINE, linestyle="--"))
    picture.plot(*joints[bone, :2].T, color=MARK, linewidth=5, zorder=5)
    lowest = joints[bone[0], :2] + [-0.75 * length, 0.8 * length]
    picture.text(*lowest, "its length", **_words(ha="right", va="top"))
    _empty(picture, "A thigh that looks short")
    picture.invert_yaxis()
    _draw_both_ends(beside, seen=float(np.linalg.norm(np.diff(joints[bone, :2], axis=0))) / length)
    _draw_lengths(lengths, people)
    return figure


def _draw_both_ends(axes: Axes, *, seen: float) -> None:
    """Draw the plane through the line of sight and the bone, whose true length is one."""
    depth = math.sqrt(1 - seen**2)
    axes.add_patch(Circle((0, 0), 1, fill=False, color=LINE, linestyle="--"))
    axes.plot([-1.3, 1.3], [-seen, -seen], color=LINE, linewidth=1.2)
    axes.plot([0, 0], [-1.25, 1.1], color=INK, linewidth=1.2)
    axes.plot([0, 0], [0, -seen], color=MARK, linewidth=5, solid_capstyle="round")
    for sign, where in ((-1, "toward\nthe viewer"), (1, "away from\nthe viewer")):
        axes.plot([0, sign * depth], [0, -seen], color=SIDE_COLORS["right"], linewidth=4)
        axes.plot([sign * depth], [-seen], "o", color=SIDE_COLORS["right"], markersize=9)
        axes.text(sign * 1.3, -seen - 0.12, where, **_words(ha="center", va="top"))
    axes.plot([0], [0], "o", color=SIDE_COLORS["right"], markersize=9, zorder=5)
    axes.text(0.05, 1.08, "image plane", **_words())
    axes.text(0.05, -0.93 * seen, "seen", **_words(color=MARK))
    axes.text(-0.45, -0.08, "length", **_words(ha="center", color=SIDE_COLORS["right"]))
    axes.text(0, -1.55, r"depth $= \pm\sqrt{\mathrm{length}^2 - \mathrm{seen}^2}$", **_words(13))
    axes.texts[-1].set_ha("center")
    axes.set(xlim=(-1.8, 1.8), ylim=(-1.7, 1.25))
    _empty(axes, "From the side: two ways to reach")


def _draw_lengths(axes: Axes, people: np.ndarray) -> None:
    """Draw how long thighs look relative to the person, among all people."""
    joints = torch.from_numpy(people[..., :2]).float()
    table = measure_bone_lengths(joints)
    seen = bone_vectors(joints).norm(dim=-1)
    relative = seen / estimate_scale(seen, table[None], longest=3)[:, None]
    thighs = relative[:, [BONE_NAMES.index(f"{side}_thigh") for side in ("left", "right")]]
    length = float(table[BONE_NAMES.index("left_thigh")])
    axes.hist(thighs.flatten().numpy(), bins=np.linspace(0, 0.8, 65), color="#B9C3CC")
    axes.axvline(length, color=SIDE_COLORS["right"], linewidth=2.5)
    axes.text(length + 0.008, 0.93, "taken as\nits length", **_words(va="top"))
    axes.texts[-1].set(transform=axes.get_xaxis_transform(), color=SIDE_COLORS["right"])
    axes.set_xlabel("thigh in the picture, in trunk lengths", fontsize=12, color=SOFT_INK)
    axes.set(yticks=[], xlim=(0, 0.8))
    axes.spines[["top", "right", "left"]].set_visible(False)
    _title(axes, f"{len(people):,} people in 2D tell the length")


def mirror_ambiguity(pose: np.ndarray) -> Figure:
    """Show a pose and its mirror image in depth, from the camera and from the side."""
    figure = Figure(figsize=(12, 3.9), dpi=100.0, facecolor="white")
    mirrored = pose * np.array([1, 1, -1], np.float32)
    shown = (
        (pose, AT_CAMERA, "a person, from the camera"),
        (mirrored, AT_CAMERA, "mirrored in depth: looks the same"),
        (pose, SIDE, "the person, from the right"),
        (mirrored, SIDE, "mirrored: knees the wrong way"),
    )
    for column, (joints, view, words) in enumerate(shown):
        axes = _spatial(figure, (column / 4 + 0.01, 0.1, 0.23, 0.78))
        draw_pose_3d(axes, joints, WHOLE, BODY_15, view=view)
        figure.text(column / 4 + 0.125, 0.92, words, **_words(12, ha="center"))
        if view == SIDE:
            _ring_knees(axes, joints, "#14866D" if joints is pose else MARK)
    _legend(figure, legend_handles(with_filled=False))
    return figure


def _ring_knees(axes: Axes3D, pose: np.ndarray, color: str) -> None:
    knees = upright(pose)[BODY_15.indices(("left_knee", "right_knee"))]
    ring = {"markersize": 26, "markerfacecolor": "none", "markeredgewidth": 2.5}
    axes.plot(*knees.T, "o", markeredgecolor=color, zorder=30, **ring)


def two_stages(lifter: Lifter, people: np.ndarray) -> Figure:
    """Show what becomes of 2D people in each of the two stages of training."""
    figure = Figure(figsize=(14, 7.2), dpi=100.0, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 14), ylim=(0, 7.2))
    axes.set_axis_off()
    chosen = people[[RUNNER, STANDER, LUNGER]]
    poses = lifter.lift(chosen).poses3d
    _draw_game(axes, chosen[2], poses[2], real=chosen[1])
    _draw_refining(axes, lifter, poses)
    return figure


def _draw_game(axes: Axes, seen: np.ndarray, pose: np.ndarray, *, real: np.ndarray) -> None:
    row = _Row(axes, 5.35)
    row.title("Stage 1: a game in which depth is learned from 2D alone")
    row.person(0.95, seen[:, :2], "2D people")
    row.box(2.9, "generator\n\na depth for each bone,\nwithin its bound")
    row.person(4.95, seen_from(pose, azimuth=-40, pitch=12), "3D people")
    row.box(6.9, "random camera")
    row.person(8.8, seen_from(pose, azimuth=80, pitch=8), "the same, seen anew")
    row.box(10.85, "discriminators\n\nwhole body, legs,\nupper body")
    row.person(13.05, real[:, :2], "real 2D people")
    for start, end in (
        (1.5, 1.95),
        (3.85, 4.3),
        (5.5, 5.95),
        (7.85, 8.3),
        (9.35, 9.9),
        (12.5, 11.8),
    ):
        row.arrow(start, end)
    row.back(10.85, 2.9, "it must pass for real, bend only as joints do, and lift to the same pose")


def _draw_refining(axes: Axes, lifter: Lifter, poses: np.ndarray) -> None:
    row = _Row(axes, 1.8)
    row.title("Stage 2: the lifter that ships learns from what stage 1 lifted")
    for pose, place in zip(poses, (0.4, 0.95, 1.5), strict=True):
        row.person(place, seen_from(pose, azimuth=-40, pitch=12), "", size=0.95)
    row.label(0.95, "lifted people")
    row.box(2.9, "other bodies,\nothers' legs and arms,\nrandom camera")
    mixed = with_part_of(poses[2], poses[0], LEGS)
    turned_pose = seen_from(mixed, azimuth=30, pitch=5)
    row.person(4.95, turned_pose, "known 3D people")
    row.box(6.9, "photograph\n\na detector's errors,\nmissing joints")
    noisy = turned_pose + 0.02 * np.random.default_rng(0).normal(size=(15, 2))
    noisy[BODY_15.indices(("left_wrist", "right_knee", "right_ankle"))] = np.nan
    row.person(8.8, noisy, "2D as detected")
    row.box(10.85, "lifter")
    seen = np.column_stack([100 * noisy, np.isfinite(noisy[:, 0])]).astype(np.float32)
    lifted = lifter.lift(seen[None])
    again = lifted.poses3d[0][:, :2] * (np.ptp(turned_pose[:, 1]) / np.ptp(lifted.poses3d[0][:, 1]))
    row.person(13.05, again, "3D, and how sure", halos=lifted.spread[0])
    for start, end in (
        (1.75, 1.95),
        (3.85, 4.3),
        (5.5, 5.95),
        (7.85, 8.3),
        (9.35, 9.9),
        (11.8, 12.25),
    ):
        row.arrow(start, end)
    row.back(13.05, 4.95, "must agree")


@dataclass(frozen=True)
class _Row:
    """One line of the diagram, in inches."""

    axes: Axes
    middle: float

    def title(self, words: str) -> None:
        self.axes.text(0.2, self.middle + 1.5, words, fontsize=15, fontweight="bold", color=INK)

    def label(self, x: float, words: str) -> None:
        self.axes.text(x, self.middle - 1.25, words, **_words(12, ha="center"))

    def person(
        self,
        x: float,
        joints: np.ndarray,
        words: str,
        *,
        size: float = 1.6,
        halos: np.ndarray | None = None,
    ) -> None:
        low, high = np.nanmin(joints, axis=0), np.nanmax(joints, axis=0)
        scale = size / max(high[1] - low[1], 1.2 * (high[0] - low[0]))
        placed = (joints - (low + high) / 2) * [scale, -scale] + [x, self.middle]
        if halos is not None:
            draw_halos(self.axes, placed, scale * halos)
        draw_sticks(self.axes, placed, width=2.6)
        self.label(x, words)

    def box(self, x: float, words: str) -> None:
        name, *rest = words.split("\n\n")
        corner, look = (x - 0.95, self.middle - 0.62), {"facecolor": "#F2F4F6", "edgecolor": LINE}
        box = FancyBboxPatch(corner, 1.9, 1.24, boxstyle="round,pad=0,rounding_size=0.12", **look)
        self.axes.add_patch(box)
        height = self.middle + (0.33 if rest else 0)
        weight = "bold" if rest or "\n" not in name else "normal"
        words_look = _words(12 if weight == "bold" else 11, ha="center", va="center")
        self.axes.text(x, height, name, **words_look, fontweight=weight)
        for line in rest:
            self.axes.text(x, self.middle - 0.17, line, **_words(10.5, ha="center", va="center"))

    def arrow(self, start: float, end: float) -> None:
        ends = {"xy": (end, self.middle), "xytext": (start, self.middle)}
        self.axes.annotate("", **ends, arrowprops={"arrowstyle": "-|>", "lw": 2, "color": INK})

    def back(self, start: float, end: float, words: str) -> None:
        """Draw what is compared and learned from, below the row."""
        low, top = self.middle - 1.6, self.middle - 1.33
        self.axes.plot([start, start, end], [top, low, low], color=MARK, linewidth=1.8)
        arrow = {"arrowstyle": "-|>", "lw": 1.8, "color": MARK, "shrinkA": 0}
        self.axes.annotate("", (end, top), (end, low), arrowprops=arrow)
        middle = (start + end) / 2
        box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        self.axes.text(middle, low, words, **_words(12, ha="center", va="center"), bbox=box)
        self.axes.texts[-1].set_color(MARK)


def lent_legs_and_arms(lifter: Lifter, people: np.ndarray) -> Figure:
    """Show two people, and one of them with the other's legs and arm."""
    one, other = lifter.lift(people[[LUNGER, RUNNER]]).poses3d
    one_color, other_color = dict.fromkeys(BONE_NAMES, ONE), dict.fromkeys(BONE_NAMES, OTHER)
    lent_legs = one_color | dict.fromkeys(LEGS, OTHER)
    lent_arm = one_color | dict.fromkeys(RIGHT_ARM, OTHER)
    shown = (
        (one, one_color, "one person"),
        (other, other_color, "another"),
        (with_part_of(one, other, LEGS), lent_legs, "the one with the other's legs"),
        (with_part_of(one, other, RIGHT_ARM), lent_arm, "with the other's right arm"),
    )
    figure = Figure(figsize=(12, 3.6), dpi=100.0, facecolor="white", layout="constrained")
    for axes, (pose, colors, words) in zip(figure.subplots(1, 4), shown, strict=True):
        bones = bone_vectors(torch.from_numpy(pose)[None])
        joints = seen_from(joints_of(bones)[0].numpy(), azimuth=30, pitch=8)
        draw_sticks(axes, joints, bone_colors=colors, width=5)
        _empty(axes, "")
        axes.set(xlim=(-1.2, 1.2), ylim=(1.1, -1.1))
        axes.set_title(words, fontsize=13, color=SOFT_INK)
    return figure


def with_part_of(pose: np.ndarray, other: np.ndarray, part: tuple[str, ...]) -> np.ndarray:
    """Return a pose with some bones of another, who is first turned to face the same way."""
    both = bone_vectors(torch.from_numpy(np.stack([pose, other])))
    axis = both[:, BONE_NAMES.index("hip_axis" if part == LEGS else "shoulder_axis")]
    facing = torch.atan2(axis[:, 2], axis[:, 0])
    lent = turned(both[1:], (facing[1] - facing[0])[None])
    columns = [BONE_NAMES.index(bone) for bone in part]
    mixed = both[:1].clone()
    mixed[:, columns] = lent[:, columns]
    return joints_of(mixed)[0].numpy()


def examples(lifter: Lifter, truth: PoseTruth) -> Figure:
    """Show good, middling and bad lifts of whole and incomplete people beside the truth."""
    missing = with_missing(truth.clean, 3, np.random.default_rng(0))
    figure = Figure(figsize=(13, 6.8), dpi=100.0, facecolor="white")
    for row, (words, poses) in enumerate(
        (("all joints seen", truth.clean), ("3 joints missing", missing))
    ):
        error = sureness(lifter, poses, truth.joints3d).error
        error = error[:, BODY_15.indices(SCORED_JOINTS)].mean(1)
        for column, percent in enumerate(PERCENTILES):
            person = int(np.abs(error - np.percentile(error, percent)).argmin())
            title = f"{words}, {percent}th percentile: {error[person]:.0f} mm"
            box = (column / 3, 0.07 + 0.465 * (1 - row), 1 / 3, 0.455)
            _draw_example(figure, box, lifter, poses[[person]], truth.joints3d[person], title)
    handles = legend_handles(with_filled=True, with_uncertainty=True)
    _legend(figure, [*handles, Line2D([], [], color=INK, linewidth=1.6, label="truth")])
    return figure


def _draw_example(
    figure: Figure,
    box: tuple[float, float, float, float],
    lifter: Lifter,
    seen: np.ndarray,
    truth: np.ndarray,
    title: str,
) -> None:
    left, bottom, width, height = box
    lifted = lifter.lift(seen)
    pose, scored = lifted.poses3d[0], BODY_15.indices(SCORED_JOINTS)
    true = truth * ((pose**2)[scored].sum() / (pose * truth)[scored].sum())
    for half, view in enumerate((AT_CAMERA, SIDE)):
        place = (left + half * width / 2, bottom, width / 2, 0.9 * height)
        axes = _spatial(figure, place)
        draw_pose_3d(axes, pose, lifted.filled[0], BODY_15, view=view, uncertainty=lifted.spread[0])
        for ends in BODY_15.bone_indices:
            axes.plot(*upright(true)[ends].T, color=INK, linewidth=1.6, zorder=20)
    figure.text(left + width / 2, bottom + 0.93 * height, title, **_words(12.5, ha="center"))


def seen_from(pose: np.ndarray, *, azimuth: float, pitch: float) -> np.ndarray:
    """Return where a pose's joints are in the picture of a camera elsewhere; degrees."""
    angle = torch.tensor([math.radians(azimuth)]), torch.tensor([math.radians(pitch)])
    return pitched(turned(torch.from_numpy(pose)[None], angle[0]), angle[1])[0, :, :2].numpy()


def draw_sticks(
    axes: Axes,
    joints: np.ndarray,
    *,
    bone_colors: dict[str, str] | None = None,
    width: float = 3.2,
) -> None:
    """Draw flat bones in the colors of their sides, or each in its own."""
    bones = [(start, end) for _, start, end in BONES] if bone_colors else BODY_15.bones
    colors = list(bone_colors.values()) if bone_colors else []
    for number, bone in enumerate(bones):
        own = colors[number] if colors else SIDE_COLORS[bone_side(bone)]
        line = {"color": own, "linewidth": width, "solid_capstyle": "round"}
        axes.plot(*joints[BODY_15.indices(bone)].T, **line, zorder=3)


def draw_halos(axes: Axes, joints: np.ndarray, radii: np.ndarray) -> None:
    for joint, radius in zip(joints, radii, strict=True):
        axes.add_patch(Circle(joint, radius, color=SIDE_COLORS["middle"], alpha=0.16, linewidth=0))


def _spatial(figure: Figure, box: tuple[float, float, float, float]) -> Axes3D:
    axes = figure.add_axes(box, projection="3d")
    assert isinstance(axes, Axes3D)
    return axes


def _words(size: float = 12, **look: str) -> dict[str, object]:
    return {"fontsize": size, "color": SOFT_INK} | look


def _title(axes: Axes, words: str) -> None:
    axes.set_title(words, fontsize=13, fontweight="bold", color=INK, pad=10)


def _empty(axes: Axes, title: str) -> None:
    axes.set_aspect("equal")
    axes.set_axis_off()
    _title(axes, title)


def _legend(figure: Figure, handles: list) -> None:
    look = {"frameon": False, "fontsize": 12, "labelcolor": SOFT_INK}
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), **look)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--out", type=Path, default=FOLDER)
    return parser.parse_args()


if __name__ == "__main__":
    main()
