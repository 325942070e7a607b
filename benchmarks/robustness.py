"""Errors of one or several lifters on exact, noisy and incomplete 2D, and their speed.

    python -m benchmarks.robustness [--data DATA] [--models FOLDER ...] [--json OUT]

Strict PA-MPJPE in mm on the 14 joints without the nose. Each person is lifted alone, as in a
single photograph, but where the row says that the source's own proportions are measured on the
same 2D. With several lifters, trainings of several seeds say, the mean and the standard deviation
over them. The 3D truth only scores.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from pose_lib.convert import convert_keypoints
from pose_lib.datasets.pose_truth import read_pose_truth
from pose_lib.lifting.evaluate import evaluate_lifter, score_poses
from pose_lib.lifting.files.lifter_folder import bundled_lifter, load_lifter
from pose_lib.lifting.lifter import Lifter
from pose_lib.skeleton import BODY_15, COCO_17

SHARED = Path(__file__).parents[2] / "shared" / "data"
LIMB_JOINTS = tuple(
    f"{side}_{part}" for part in ("elbow", "wrist", "knee", "ankle") for side in ("left", "right")
)


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    lifters = [load_lifter(folder) for folder in options.models] or [bundled_lifter()]
    rows: dict[str, list[float]] = {}
    for lifter in lifters:
        for name, value in figures(lifter, options.data):
            rows.setdefault(name, []).append(value)
    for name, values in rows.items():
        spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
        print(f"{name:<42}{np.mean(values):10,.2f}{spread}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


def figures(lifter: Lifter, data: Path) -> Iterator[tuple[str, float]]:
    """Yield each row's name and value."""
    known = read_pose_truth(data / "mocap/eval_val_2d3d.npz")
    yield "flat poses, clean", score_poses(flat_poses(known.clean), known.joints3d)["pa_mpjpe"]
    for name, poses in (("clean", known.clean), ("noisy file", known.noisy)):
        for adapt in (False, True):
            scores, _ = evaluate_lifter(lifter, poses, known.joints3d, adapt=adapt)
            told = ", own proportions" if adapt else ""
            yield f"{name}{told}", scores["pa_mpjpe"]
            yield f"{name}{told}, N-MPJPE", scores["n_mpjpe"]
            yield f"{name}{told}, mirrored %", 100 * scores["mirror_rate"]
    rng = np.random.default_rng(0)
    for count in (1, 2, 3):
        poses = with_missing(known.clean, count, rng)
        for adapt in (False, True):
            told = ", own proportions" if adapt else ""
            error = pa_mpjpe(lifter, poses, known.joints3d, adapt=adapt)
            yield f"{count} limb joints missing{told}", error
    for share in (0.01, 0.015, 0.03):
        poses = with_jitter(known.clean, share, rng)
        yield f"jitter of {share:.1%} of the box", pa_mpjpe(lifter, poses, known.joints3d)
    yield "rendered people, exact 2D", pa_mpjpe(lifter, *rendered_people(data))
    yield "poses a second", poses_per_second(lifter, known.clean)


def pa_mpjpe(lifter: Lifter, poses: np.ndarray, truth: np.ndarray, *, adapt: bool = False) -> float:
    return evaluate_lifter(lifter, poses, truth, adapt=adapt)[0]["pa_mpjpe"]


def flat_poses(poses: np.ndarray) -> np.ndarray:
    """Return 2D poses as 3D ones without depth, pelvis at the origin: what any lifter beats."""
    xy = poses[..., :2] - poses[:, [BODY_15.index("pelvis")], :2]
    return np.concatenate([xy, np.zeros_like(xy[..., :1])], axis=-1)


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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=SHARED, help="folder of the development data")
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="default: bundled")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write every lifter's figures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
