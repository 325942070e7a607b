"""The bound: stage 2's network, bodies and cameras, but on true poses. Uses 3D.

What motion capture shows stands where this package's own method has what its generators guessed.
The captured poses are of other people and motions than those of the score.
"""

import time
from dataclasses import replace

import numpy as np

from pose_lib.lifting.lifter import Lifter
from pose_lib.lifting.training.config import CameraConfig, DistillConfig
from pose_lib.lifting.training.distill import DistillStage
from pose_lib.lifting.training.tensor_state import seeded
from research.baselines.mocap import corpus_of
from research.baselines.training import Curve, Trained

CONFIG = DistillConfig(nose_forward=0.0)  # a captured nose is where noses are
SHORT_BATCH = 512
"""People a step where time is short: with the default's, a minute has but some 600 steps."""

_TRIAL_STEPS = 30


def train(poses, *, budget, seed) -> Trained:
    camera = CameraConfig()
    corpus = corpus_of(poses, camera)

    def stage(config: DistillConfig) -> DistillStage:
        return DistillStage(corpus, config, camera, seeded(seed, 0))

    config = CONFIG
    if budget.seconds is not None:
        short = replace(CONFIG, batch=SHORT_BATCH)
        per_step = seconds_per_step(stage(replace(short, steps=_TRIAL_STEPS)))
        config = replace(short, steps=max(1, int(budget.seconds / per_step)))
    training, curve = stage(config), Curve()
    for step in range(config.steps):
        curve.add(step / config.steps, training.advance())
    return lifter_trained(Lifter(training.regressor), curve)


def lifter_trained(lifter: Lifter, curve: Curve) -> Trained:
    """Return this package's lifter in the form of the others; the people it refuses are points."""

    def lift(poses: np.ndarray) -> np.ndarray:
        return np.nan_to_num(lifter.lift(poses).poses3d, nan=0.0)

    def lift_conditioned(poses: np.ndarray) -> np.ndarray:
        return np.nan_to_num(lifter.adapted(poses).lift(poses).poses3d, nan=0.0)

    return Trained(lift, curve, lift_conditioned)


def seconds_per_step(stage) -> float:
    """Train a stage to its end and return the time of one of its steps on one core."""
    stage.advance()
    start, first = time.process_time(), stage.step
    while stage.step < stage.n_steps:
        stage.advance()
    return (time.process_time() - start) / (stage.step - first)
