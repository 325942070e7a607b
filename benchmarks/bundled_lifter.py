"""Make the lifter that comes with the package, from MPII's 2D annotations.

    python -m benchmarks.bundled_lifter
    python -m benchmarks.bundled_lifter --seed 1 --out m1            # another training, elsewhere
    python -m benchmarks.bundled_lifter --poses cmu_2d.npz --out c0  # on other people

It knows the bone lengths of MPII's annotations, measured here, and those of ``sources.json``.

Source: Andriluka et al. 2014, MPII Human Pose, annotations under the Simplified BSD licence.
"""

import argparse
import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from benchmarks.lifting import SHARED, TRAINING
from benchmarks.peers.ours import show_progress
from pose_lib.config import config_table
from pose_lib.formats.lifter_folder import save_lifter
from pose_lib.formats.training_poses import TrainingPoses, read_training_poses
from pose_lib.lifting.config import TrainConfig
from pose_lib.lifting.sources import SourceTable, from_plain, measure_sources, with_tables
from pose_lib.lifting.train import Training

CONFIG = TrainConfig()
MPII = (
    "2D annotations of MPII Human Pose (Simplified BSD), train images, "
    "people with all joints annotated"
)
FOLDER = Path(__file__).parents[1] / "pose_lib" / "data" / "lifter"
SOURCES = Path(__file__).with_name("sources.json")
"""What `poselift proportions DATA --json` told of other sources, see `docs/lifting-sources.md`."""


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    poses = read_training_poses([options.poses or options.data / TRAINING])
    config = replace(CONFIG, seed=options.seed)
    training = Training.start(poses.poses, config)
    for report in training.steps():
        show_progress(report)
    origin = {
        "trained_on": options.poses.name if options.poses else MPII,
        "people": len(training.people),
        "package_version": version("poselift"),
        "config": config_table(config),
    }
    sources = () if options.poses else source_tables(poses)
    lifter = replace(training.lifter(), origin=origin, sources=sources)
    save_lifter(lifter, options.out, half=True)


def source_tables(poses: TrainingPoses) -> tuple[SourceTable, ...]:
    """Return what the lifter knows of sources: that of these poses, and the others."""
    own = measure_sources(
        poses.by_skeleton, "MPII's train images, all joints annotated", np.random.default_rng(0)
    )
    return with_tables(from_plain(json.loads(SOURCES.read_text())["sources"]), own)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED, help="folder of the development data")
    parser.add_argument("--poses", type=Path, help="2D poses to train on in place of MPII's")
    parser.add_argument("--seed", type=int, default=CONFIG.seed)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
