"""What becomes of a lifter's error when joints are missing or jitter, and on rendered people.

    python benchmarks/robustness.py [--data DATA] [--model FOLDER]

Strict PA-MPJPE in mm on the 14 joints without the nose; each person is lifted by itself, without
the proportions of a source. Seeded. The last line is the speed on one core, mirroring included.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from pose_lib.convert import convert_keypoints
from pose_lib.formats.lifter_folder import bundled_lifter, load_lifter
from pose_lib.formats.pose_truth import read_pose_truth
from pose_lib.lifting.evaluate import evaluate_lifter
from pose_lib.lifting.lifter import Lifter
from pose_lib.skeleton import BODY_15, COCO_17

SHARED = Path(__file__).parents[2] / "shared" / "data"
LIMB_JOINTS = tuple(
    f"{side}_{part}" for part in ("elbow", "wrist", "knee", "ankle") for side in ("left", "right")
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()

    torch.set_num_threads(1)
    lifter = load_lifter(options.model) if options.model else bundled_lifter()
    known = read_pose_truth(options.data / "mocap/eval_val_2d3d.npz")
    show(lifter, "clean", known.clean, known.joints3d)
    show(lifter, "noisy file", known.noisy, known.joints3d)
    rng = np.random.default_rng(0)
    for count in (1, 2, 3):
        poses = with_missing(known.clean, count, rng)
        show(lifter, f"{count} limb joints missing", poses, known.joints3d)
    for share in (0.01, 0.015, 0.03):
        poses = with_jitter(known.clean, share, rng)
        show(lifter, f"jitter of {share:.1%} of the box", poses, known.joints3d)
    show(lifter, "rendered people, exact 2D", *rendered_people(options.data))
    print(f"{poses_per_second(lifter, known.clean):,.0f} poses/s")


def show(lifter: Lifter, name: str, poses: np.ndarray, truth: np.ndarray) -> None:
    scores, _ = evaluate_lifter(lifter, poses, truth, adapt=False)
    print(f"{name:<28} {scores['pa_mpjpe']:6.1f} mm  {len(poses)} poses")


def with_missing(poses: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    changed = poses.copy()
    limbs = BODY_15.indices(LIMB_JOINTS)
    for pose in changed:
        pose[rng.choice(limbs, count, replace=False)] = np.nan, np.nan, 0
    return changed


def with_jitter(poses: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Move joints by a normal error; its deviation is a share of the person's box's longer side."""
    changed = poses.copy()
    box = np.ptp(poses[..., :2], axis=1).max(-1)
    changed[..., :2] += share * box[:, None, None] * rng.normal(size=(*poses.shape[:2], 2))
    return changed


def rendered_people(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return 2D and 3D (mm, pelvis at the origin) of the rendered people, hidden joints too."""
    with np.load(data / "renders/truth.npz", allow_pickle=False) as truth:
        names = truth["kp_names"].tolist()
        order = [names.index(joint) for joint in COCO_17.joints]
        flat, spatial = truth["kp2d"][:, order], truth["kp3d_cam_mm"][:, order]
    sure = np.ones((*flat.shape[:2], 1), np.float32)
    poses = convert_keypoints(np.concatenate([flat, sure], -1), COCO_17, BODY_15)
    depth = spatial[..., 2:]
    xy = convert_keypoints(np.concatenate([spatial[..., :2], sure], -1), COCO_17, BODY_15)[..., :2]
    z = convert_keypoints(np.concatenate([depth, depth, sure], -1), COCO_17, BODY_15)[..., :1]
    joints = np.concatenate([xy, z], -1)
    return poses, joints - joints[:, [BODY_15.index("pelvis")]]


def poses_per_second(lifter: Lifter, poses: np.ndarray) -> float:
    many = np.tile(poses, (8, 1, 1))
    lifter.lift(many)
    begin = time.perf_counter()
    lifter.lift(many)
    return len(many) / (time.perf_counter() - begin)


if __name__ == "__main__":
    main()
