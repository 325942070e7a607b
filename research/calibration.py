"""Whether a lifter knows how sure it may be: its uncertainty against how far off joints really are.

    python -m research.calibration [--data DATA] [--model FOLDER] [--figure FILE]

Each person is lifted by itself, without the proportions of a source, and scaled to the truth as
N-MPJPE does. All figures are of the 13 joints without the nose, which MPII does not annotate, and
the pelvis, at which poses are put. Seeded.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from benchmarks.robustness import SHARED, rendered_people, with_missing
from pose_lib.datasets.pose_truth import read_pose_truth
from pose_lib.lifting.evaluate import SCORED_JOINTS
from pose_lib.lifting.files.lifter_folder import bundled_lifter, load_lifter
from pose_lib.lifting.lifter import Lifter
from pose_lib.lifting.networks import RADIUS_SHARES
from pose_lib.plots.figures import png_bytes
from pose_lib.skeleton import BODY_15

FIGURE = Path(__file__).parents[1] / "docs" / "pictures" / "calibration.png"
MAX_BYTES = 150_000
JOINTS = tuple(joint for joint in SCORED_JOINTS if joint != "pelvis")
PARTS = ("nose", "neck", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
DROPPED = np.linspace(0, 0.9, 19)
COLORS = {
    "clean": "#1F2429",
    "noisy": "#C4841D",
    "1 limb joint missing": "#B9A5FF",
    "2 limb joints missing": "#8A6FD1",
    "3 limb joints missing": "#5B3A9B",
    "rendered people": "#14866D",
}


@dataclass(frozen=True)
class Sureness:
    """How far off joints are and how far off the lifter expected them to be, in mm.

    Attributes:
        error: (pose, 15)
        uncertainty: (pose, 15)
    """

    error: np.ndarray
    uncertainty: np.ndarray

    def of(self, joints: tuple[str, ...]) -> "Sureness":
        columns = BODY_15.indices(joints)
        return Sureness(self.error[:, columns], self.uncertainty[:, columns])


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    lifter = load_lifter(options.model) if options.model else bundled_lifter()
    sets = {
        name: sureness(lifter, poses, truth) for name, poses, truth in scored_sets(options.data)
    }
    radii = np.array([lifter.radius(share) for share in RADIUS_SHARES])
    print_reliability(sets, radii)
    print_use(sets)
    print_parts(sets, lifter.radius(0.8))
    figure = calibration_figure(sets, radii)
    options.figure.parent.mkdir(parents=True, exist_ok=True)
    options.figure.write_bytes(png_bytes(figure, max_bytes=MAX_BYTES))


def scored_sets(data: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield the name of each set of people, their 2D and their 3D in mm."""
    known = read_pose_truth(data / "mocap/eval_val_2d3d.npz")
    yield "clean", known.clean, known.joints3d
    yield "noisy", known.noisy, known.joints3d
    rng = np.random.default_rng(0)
    for count in (1, 2, 3):
        name = f"{count} limb joint{'s' if count > 1 else ''} missing"
        yield name, with_missing(known.clean, count, rng), known.joints3d
    yield "rendered people", *rendered_people(data)


def sureness(lifter: Lifter, poses: np.ndarray, truth: np.ndarray) -> Sureness:
    """Lift people and put what the lifter says beside the truth; those refused are left out."""
    lifted = lifter.lift(poses)
    joints, uncertainty, truth = (
        of[lifted.lifted].astype(np.float64) for of in (lifted.poses3d, lifted.uncertainty, truth)
    )
    scored = BODY_15.indices(SCORED_JOINTS)
    scale = (joints * truth)[:, scored].sum((1, 2)) / (joints**2)[:, scored].sum((1, 2))
    error = np.linalg.norm(scale[:, None, None] * joints - truth, axis=-1)
    return Sureness(error, scale[:, None] * uncertainty)


def share_inside(sure: Sureness, radii: np.ndarray) -> np.ndarray:
    """Return the share of joints that are off by at most each radius, in uncertainties."""
    return (sure.error <= radii[:, None, None] * sure.uncertainty).mean((1, 2))


def error_of_kept(sure: Sureness, dropped: np.ndarray) -> np.ndarray:
    """Return the mean error once each share of the joints, the least sure first, is dropped."""
    by_sureness = sure.error.ravel()[np.argsort(sure.uncertainty, axis=None, kind="stable")]
    kept = np.maximum(1, np.round((1 - dropped) * by_sureness.size)).astype(int)
    return np.cumsum(by_sureness)[kept - 1] / kept


def print_reliability(sets: dict[str, Sureness], radii: np.ndarray) -> None:
    print("share of the true joints inside, in %")
    print(f"{'nominal':<24}" + "".join(f"{share:>6.0%}" for share in RADIUS_SHARES) + "  halo")
    for name, sure in sets.items():
        inside = share_inside(sure.of(JOINTS), np.append(radii, 1))
        print(f"{name:<24}" + "".join(f"{100 * share:6.1f}" for share in inside))


def print_use(sets: dict[str, Sureness]) -> None:
    print("\nmean error and uncertainty in mm, their rank correlation, error of the surest joints")
    head = ("error", "uncertainty", "rank corr.", "poses", "kept 90 %", "75 %", "50 %")
    print(f"{'':<24}" + "".join(f"{word:>11}" for word in head))
    for name, sure in sets.items():
        of = sure.of(JOINTS)
        joints = spearmanr(of.error.ravel(), of.uncertainty.ravel()).statistic
        poses = spearmanr(of.error.mean(1), of.uncertainty.mean(1)).statistic
        kept = error_of_kept(of, np.array([0.1, 0.25, 0.5]))
        row = f"{of.error.mean():11.1f}{of.uncertainty.mean():11.1f}{joints:11.2f}{poses:11.2f}"
        print(f"{name:<24}{row}" + "".join(f"{error:11.1f}" for error in kept))


def print_parts(sets: dict[str, Sureness], radius: float) -> None:
    print("\nshare inside the 80 % radius by joint, in %; below, error and uncertainty in mm")
    print(f"{'':<24}" + "".join(f"{part:>12}" for part in PARTS))
    for name, sure in sets.items():
        parts = [sure.of(joints_of_part(part)) for part in PARTS]
        inside = [share_inside(of, np.array([radius]))[0] for of in parts]
        print(f"{name:<24}" + "".join(f"{100 * share:12.1f}" for share in inside))
        both = [f"{of.error.mean():.0f} / {of.uncertainty.mean():.0f}" for of in parts]
        print(f"{'':<24}" + "".join(f"{pair:>12}" for pair in both))


def joints_of_part(part: str) -> tuple[str, ...]:
    return tuple(joint for joint in BODY_15.joints if joint.endswith(part))


def calibration_figure(sets: dict[str, Sureness], radii: np.ndarray) -> Figure:
    """Draw reliability, what dropping unsure joints gains, and which joints are less sure."""
    figure = Figure(figsize=(13, 4.6), dpi=100.0, facecolor="white", layout="constrained")
    reliability, rejection, parts = figure.subplots(1, 3, width_ratios=(1, 1, 1.4))
    reliability.plot([0, 100], [0, 100], color="#9AA3AB", linestyle="--", linewidth=1)
    for name, sure in sets.items():
        of, line = sure.of(JOINTS), {"color": COLORS[name], "linewidth": 2}
        inside = share_inside(of, radii)
        reliability.plot(100 * np.array(RADIUS_SHARES), 100 * inside, label=name, **line)
        rejection.plot(100 * DROPPED, error_of_kept(of, DROPPED), **line)
    _draw_parts(parts, sets)
    _word(reliability, "True joints inside", "share that should be inside, %", "share inside, %")
    reliability.set(xlim=(0, 100), ylim=(0, 100))
    _word(rejection, "Error of the surest joints", "least sure joints dropped, %", "error, mm")
    rejection.set_ylim(bottom=0)
    _word(parts, "Expected and true error by joint", "", "mm")
    handles, labels = reliability.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=6, frameon=False, labelcolor="#4A5259"
    )
    return figure


def _draw_parts(axes: Axes, sets: dict[str, Sureness]) -> None:
    """Draw the mean error of each kind of joint as a bar, the mean uncertainty as a tick."""
    shown = ("clean", "noisy", "3 limb joints missing")
    for number, name in enumerate(shown):
        parts = [sets[name].of(joints_of_part(part)) for part in PARTS]
        place = np.arange(len(PARTS)) + 0.27 * (number - 1)
        error = [of.error.mean() for of in parts]
        axes.bar(place, error, 0.25, color=COLORS[name], edgecolor="white")
        uncertainty = [of.uncertainty.mean() for of in parts]
        axes.hlines(uncertainty, place - 0.16, place + 0.16, color="#E6007E", linewidth=2.5)
    axes.plot([], [], color="#E6007E", linewidth=2.5, label="expected by the lifter")
    axes.bar([0], [0], color="#9AA3AB", label="true")
    axes.set_ylim(top=1.2 * axes.get_ylim()[1])  # for the legend
    axes.set_xticks(np.arange(len(PARTS)), PARTS, fontsize=9)
    axes.legend(frameon=False, loc="upper left", ncols=2, labelcolor="#4A5259")


def _word(axes: Axes, title: str, across: str, upward: str) -> None:
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color="#1F2429")
    axes.set_xlabel(across, fontsize=11, color="#4A5259")
    axes.set_ylabel(upward, fontsize=11, color="#4A5259")
    axes.tick_params(colors="#4A5259")
    axes.grid(color="#E6E9EC", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_color("#D3D8DD")
    axes.spines[["top", "right"]].set_visible(False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--figure", type=Path, default=FIGURE, help="where to write the figure")
    return parser.parse_args()


if __name__ == "__main__":
    main()
