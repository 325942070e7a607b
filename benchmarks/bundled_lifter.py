"""Make the lifter that comes with the package, from MPII's 2D annotations.

    python -m benchmarks.bundled_lifter

Source: Andriluka et al. 2014, MPII Human Pose, annotations under the Simplified BSD licence.
"""

import argparse
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.lifting import SHARED, TRAINING
from benchmarks.peers.ours import show_progress
from pose_lib.config import config_table
from pose_lib.formats.lifter_folder import save_lifter
from pose_lib.formats.training_poses import read_training_poses
from pose_lib.lifting.config import TrainConfig
from pose_lib.lifting.train import Training

CONFIG = TrainConfig()
FOLDER = Path(__file__).parents[1] / "pose_lib" / "data" / "lifter"


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    training = Training.start(read_training_poses([options.data / TRAINING]).poses, CONFIG)
    for report in training.steps():
        show_progress(report)
    origin = {
        "trained_on": "2D annotations of MPII Human Pose (Simplified BSD), train images, "
        "people with all joints annotated",
        "people": len(training.people),
        "package_version": version("poselift"),
        "config": config_table(CONFIG),
    }
    save_lifter(replace(training.lifter(), origin=origin), options.out, half=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED, help="folder of the development data")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
