"""Lifters trained on MPII's 2D annotations alone, scored on 3D truth they have never seen.

    python benchmarks/lifting.py
    python benchmarks/lifting.py --rows flat bundled --json results.json

3D is used for the final scores only: nothing is trained on it and no checkpoint chosen by it.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from kudo import lift_kudo, train_kudo

from pose_lib.formats.lifter_folder import bundled_lifter
from pose_lib.formats.pose_truth import PoseTruth, read_pose_truth
from pose_lib.formats.training_poses import read_training_poses
from pose_lib.lifting.bones import (
    bone_vectors,
    joints_of,
    measure_bone_lengths,
    mirrored_bones,
)
from pose_lib.lifting.config import DEMO, GanConfig, RefineConfig, TrainConfig
from pose_lib.lifting.evaluate import score_poses
from pose_lib.lifting.lifter import Lifter
from pose_lib.lifting.networks import Generator
from pose_lib.lifting.people import canonical_bones, with_middles
from pose_lib.lifting.train import Training

Lift = Callable[[np.ndarray], np.ndarray]

SHARED = Path(__file__).parents[2] / "shared" / "data"
TRAINING = "mpii/annotations/mpii_train_full16.npz"
TRUTH = "mocap/eval_val_2d3d.npz"
CAMERA_DISTANCE = 6.0
"""Trunk lengths, for stage 1 alone, which knows no perspective."""


@dataclass(frozen=True)
class Row:
    """One line of the table; mm and seconds."""

    name: str
    seconds: float
    clean: dict | None
    noisy: dict | None


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("medium")  # bfloat16 products, where the processor has them
    poses = read_training_poses([options.data / TRAINING]).poses
    truth = read_pose_truth(options.data / TRUTH)
    rows = [row for name in options.rows for row in ROWS[name](poses, truth, options)]
    _print_table(rows)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2))


def flat(_poses, truth, _options):
    yield _row("flat, all depths zero", 0.0, truth, lambda given: _flat(given))


def kudo(poses, truth, options):
    start = time.monotonic()
    generator = train_kudo(_complete(poses), steps=options.kudo_steps, seed=options.seed)
    seconds = time.monotonic() - start
    yield _row("Kudo 2018", seconds, truth, lambda given: lift_kudo(generator, given))


def ours(poses, truth, options):
    """Stage 1 alone, then both stages, with and without the source's proportions."""
    config = TrainConfig(
        seed=options.seed,
        gan=GanConfig(n_generators=options.generators, steps=options.gan_steps),
        refine=RefineConfig(steps=options.refine_steps),
    )
    training = Training.start(poses, config)
    start = time.monotonic()
    n_first = config.gan.steps
    for report in training.steps():
        if report.step == n_first:
            generator, seconds = training.generators[0], time.monotonic() - start
            yield _stage_1_row(generator, seconds, truth)
        show_progress(report)
    yield from _lifter_rows("both stages", training.lifter(), time.monotonic() - start, truth)


def demo(poses, truth, options):
    """The demonstration's settings on as many people as it has."""
    start = time.monotonic()
    training = Training.start(_complete(poses)[:2000], replace(DEMO, seed=options.seed))
    for report in training.steps():
        show_progress(report)
    yield from _lifter_rows("demo", training.lifter(), time.monotonic() - start, truth)


def bundled(_poses, truth, _options):
    yield from _lifter_rows("bundled", bundled_lifter(), 0.0, truth)


ROWS = {"flat": flat, "kudo": kudo, "ours": ours, "demo": demo, "bundled": bundled}


def lift_with_generator(generator: Generator, poses: np.ndarray) -> np.ndarray:
    """Lift complete people with stage 1 alone, mirror averaged, by their own proportions."""
    joints = with_middles(torch.from_numpy(poses[..., :2]).float())
    table = measure_bone_lengths(joints)
    bones = canonical_bones(bone_vectors(joints), table)
    with torch.no_grad():
        lifted = torch.cat([bones, generator(bones)[..., None]], dim=-1)
        other = mirrored_bones(bones)
        mirrored = mirrored_bones(torch.cat([other, generator(other)[..., None]], dim=-1))
    whole = joints_of((lifted + mirrored) / 2 * table[:, None])
    perspective = 1 + whole[..., 2:] / CAMERA_DISTANCE
    return torch.cat([whole[..., :2] * perspective, whole[..., 2:]], dim=-1).numpy()


def _stage_1_row(generator: Generator, seconds: float, truth: PoseTruth) -> Row:
    lifted = lift_with_generator(generator, truth.clean)
    scores = score_poses(lifted, truth.joints3d)
    return Row("stage 1 alone, own proportions", seconds, scores, None)


def _lifter_rows(name: str, lifter: Lifter, seconds: float, truth: PoseTruth):
    def adapted(given: np.ndarray) -> np.ndarray:
        return lifter.adapted(given).lift(given).poses3d

    yield _row(f"{name}, single photos", seconds, truth, lambda given: lifter.lift(given).poses3d)
    yield _row(f"{name}, own proportions", seconds, truth, adapted)


def _row(name: str, seconds: float, truth: PoseTruth, lift: Lift) -> Row:
    clean, noisy = (
        score_poses(lift(given), truth.joints3d) for given in (truth.clean, truth.noisy)
    )
    return Row(name, seconds, clean, noisy)


def _flat(poses: np.ndarray) -> np.ndarray:
    joints = np.nan_to_num(poses[..., :2] - np.nanmean(poses[..., :2], axis=1, keepdims=True))
    return np.concatenate([joints, np.zeros_like(joints[..., :1])], axis=-1)


def _complete(poses: np.ndarray) -> np.ndarray:
    return poses[(poses[..., 2] > 0).all(1)]


def show_progress(report) -> None:
    if report.step % 100 == 0 or report.step == report.total_steps:
        losses = "  ".join(f"{name} {value:.3f}" for name, value in report.losses.items())
        print(f"\r{report.stage} {report.step}/{report.total_steps}  {losses}\033[K", end="")
        print(end="\n" if report.step == report.total_steps else "", flush=True)


def _print_table(rows: list[Row]) -> None:
    print(f"{'':32} {'train':>6} {'PA':>6} {'reflect':>7} {'N':>6} {'mirror':>7} {'noisy PA':>9}")
    for row in rows:
        clean = row.clean
        noisy = f"{row.noisy['pa_mpjpe']:9.1f}" if row.noisy else f"{'-':>9}"
        print(
            f"{row.name:32} {row.seconds:5.0f}s {clean['pa_mpjpe']:6.1f} "
            f"{clean['pa_mpjpe_reflected']:7.1f} {clean['n_mpjpe']:6.1f} "
            f"{clean['mirror_rate']:6.1%} {noisy}"
        )
    print("mm on 14 joints, 2D complete and exact unless noisy; PA without reflection")


def _options() -> argparse.Namespace:
    gan, refine = GanConfig(), RefineConfig()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--data", type=Path, default=SHARED, help="folder of the development data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--generators", type=int, default=gan.n_generators)
    parser.add_argument("--gan-steps", type=int, default=gan.steps)
    parser.add_argument("--refine-steps", type=int, default=refine.steps)
    parser.add_argument("--kudo-steps", type=int, help="default: the published 20 epochs")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
