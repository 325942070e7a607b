"""How a lifter's error depends on where the camera stands.

    python -m research.cameras [--data DATA] [--models FOLDER ...]

The people of the 3D truth, made level by the elevation of their own camera, are photographed
again: from a random azimuth, looking down by each angle, from each distance. Strict PA-MPJPE and
N-MPJPE in mm on the 14 joints without the nose; exact 2D, each person lifted by itself.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from pose_lib.datasets.pose_truth import read_pose_truth
from pose_lib.lifting.evaluate import score_poses
from pose_lib.lifting.files.lifter_folder import bundled_lifter, load_lifter
from pose_lib.lifting.lifter import Lifter
from pose_lib.lifting.training.camera import pitched, turned

SHARED = Path(__file__).parents[2] / "shared" / "data"
TRUTH = "mocap/eval_val_2d3d.npz"
ELEVATIONS = (-30, -15, 0, 10, 20, 30, 45, 60)
"""Degrees that the camera looks down."""

DISTANCES = (2.0, 3.2, 6.4, 16.0)
"""Meters."""

FOCAL_LENGTH = 1000.0


def main() -> None:
    options = _options()
    people = level_people(options.data / TRUTH)
    lifters = {"bundled": bundled_lifter()} if not options.models else {}
    lifters |= {str(folder): load_lifter(folder) for folder in options.models}
    for name, lifter in lifters.items():
        print(f"{name}: PA-MPJPE / N-MPJPE in mm")
        print("distance " + "".join(f"{elevation:>10}°" for elevation in ELEVATIONS))
        for distance in DISTANCES:
            row = (errors(lifter, people, elevation, distance) for elevation in ELEVATIONS)
            cells = (f"{pa:.0f} / {scaled:.0f}" for pa, scaled in row)
            print(f"{distance:6.1f} m " + "".join(f"{cell:>11}" for cell in cells), flush=True)


def level_people(truth: Path) -> torch.Tensor:
    """Return the joints (pose, 15, 3) in mm as a level camera sees them."""
    joints = torch.from_numpy(read_pose_truth(truth).joints3d)
    with np.load(truth, allow_pickle=False) as arrays:
        down = torch.from_numpy(arrays["elevation_deg"]).float().deg2rad()
    return pitched(joints, -down)


def errors(
    lifter: Lifter, people: torch.Tensor, elevation: float, distance: float
) -> tuple[float, float]:
    """Return the PA-MPJPE and N-MPJPE of people seen by such a camera."""
    rng = torch.Generator().manual_seed(0)
    azimuth = 2 * torch.pi * torch.rand(len(people), generator=rng)
    down = torch.full((len(people),), float(np.deg2rad(elevation)))
    seen = pitched(turned(people, azimuth), down)
    pixels = FOCAL_LENGTH * seen[..., :2] / (seen[..., 2:] + 1000 * distance)
    poses = torch.cat([pixels, torch.ones_like(pixels[..., :1])], dim=-1)
    figures = score_poses(lifter.lift(poses.numpy()).poses3d, seen.numpy())
    return figures["pa_mpjpe"], figures["n_mpjpe"]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED, help="folder of the development data")
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="lifters' folders")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
