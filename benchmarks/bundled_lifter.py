"""Make the lifter that comes with the package, from 2D poses of MPII and of the CMU motions.

    python -m benchmarks.bundled_lifter
    python -m benchmarks.bundled_lifter --seed 1 --out b1              # another training, elsewhere
    python -m benchmarks.bundled_lifter --poses mpii.npz --out m0      # of these people alone

It knows the bone lengths of MPII's annotations, measured here, and those of ``sources.json``.

Sources:
    Andriluka et al. 2014, MPII Human Pose, annotations under the Simplified BSD licence.
    CMU Graphics Lab Motion Capture Database, seen by random cameras; no depth is kept.
"""

import argparse
import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.robustness import SHARED
from pose_lib.config import config_table
from pose_lib.lifting.bone_length_table import (
    BoneLengthTable,
    from_plain,
    measure_tables,
    with_tables,
)
from pose_lib.lifting.files.lifter_folder import save_lifter
from pose_lib.lifting.training.arithmetic import use_one_thread
from pose_lib.lifting.training.config import TrainConfig
from pose_lib.lifting.training.train import StepReport, Training
from pose_lib.training_data import TrainingPoses, read_training_poses
from tools.project_cmu_poses import write_projections

CONFIG = TrainConfig()
TRAINING = "mpii/annotations/mpii_train_full16.npz"
MOTIONS = "mocap/cmu_train.npz"
TRAINED_ON = (
    "2D annotations of MPII Human Pose (Simplified BSD), train images, people with all joints "
    "annotated; 2D projections of the CMU Graphics Lab Motion Capture Database (free for all uses)"
)
FOLDER = Path(__file__).parents[1] / "pose_lib" / "data" / "lifter"
SOURCES = Path(__file__).with_name("sources.json")
"""Tables of other joint conventions, as `poselift bone-lengths DATA --json` prints them."""


def main() -> None:
    options = _options()
    use_one_thread()
    mpii = options.data / TRAINING
    poses = read_training_poses(options.poses) if options.poses else bundled_poses(options.data)
    config = replace(CONFIG, seed=options.seed)
    training = Training.start(poses.poses, config, poses.counts)
    for report in training.steps():
        show_progress(report)
    named = " and ".join(path.name for path in options.poses)
    origin = {
        "trained_on": named or TRAINED_ON,
        "people": training.n_people,
        "package_version": version("poselift"),
        "config": config_table(config),
    }
    lifter = replace(training.lifter(), origin=origin, bone_length_tables=bone_length_tables(mpii))
    save_lifter(lifter, options.out, half=True)


def show_progress(report: StepReport) -> None:
    if report.step % 100 == 0 or report.step == report.total_steps:
        losses = "  ".join(f"{name} {value:.3f}" for name, value in report.losses.items())
        end = "\n" if report.step == report.total_steps else ""
        print(
            f"\r{report.stage} {report.step}/{report.total_steps}  {losses}\033[K",
            end=end,
            flush=True,
        )


def bundled_poses(data: Path) -> TrainingPoses:
    """Return the people whom the bundled lifter is trained on."""
    with TemporaryDirectory() as folder:
        projected = Path(folder) / "cmu_2d.npz"
        write_projections(data / MOTIONS, projected)
        return read_training_poses([data / TRAINING, projected])


def bone_length_tables(mpii: Path) -> tuple[BoneLengthTable, ...]:
    """Return the tables of the lifter: MPII's table, measured here, and the others."""
    own = measure_tables(
        read_training_poses([mpii]).by_skeleton,
        "MPII's train images, all joints annotated",
        np.random.default_rng(0),
    )
    return with_tables(from_plain(json.loads(SOURCES.read_text())["sources"]), own)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED, help="folder of the development data")
    parser.add_argument("--poses", type=Path, nargs="*", default=[], help="2D poses in their place")
    parser.add_argument("--seed", type=int, default=CONFIG.seed)
    parser.add_argument("--out", type=Path, default=FOLDER)
    return parser.parse_args()


if __name__ == "__main__":
    main()
