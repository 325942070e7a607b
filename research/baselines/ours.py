"""This package's own lifter, and the same without an ingredient that no setting can take away.

Ingredients that are settings are compared by ``poselift sweep deployments/sweeps/ablation.toml``.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import numpy as np
import torch

from pose_lib.lifting.bones import bone_vectors, joints_of, measure_bone_lengths, mirrored_bones
from pose_lib.lifting.networks import Generator
from pose_lib.lifting.training import train as lifting_train
from pose_lib.lifting.training.canonical_people import NormalizedPoses, canonical_bones
from pose_lib.lifting.training.config import CameraConfig, TrainConfig
from pose_lib.lifting.training.synthesis import Corpus
from pose_lib.lifting.training.train import StepReport, Training
from research.baselines.people import People
from research.baselines.supervised import SHORT_BATCH, lifter_trained
from research.baselines.training import Curve, Trained

CAMERA_DISTANCE = 6.0
"""Trunk lengths, for stage 1 alone, which knows no perspective."""

LEVEL_AND_FAR = CameraConfig(
    pitch_mean=0.0, pitch_std=0.0, roll_std=0.0, nearest=1000.0, farthest=1000.0
)
_TRIAL_STEPS = 20


def same(anything: Any) -> Any:
    return anything


@dataclass(frozen=True)
class Variant:
    """What differs from the method as it is.

    Attributes:
        settings: Changes the settings of both stages.
        settings_2: Changes them once stage 1 is over.
        patch: Changes the program while it trains.
        n_stages: One to lift with the first generator.
    """

    settings: Callable[[TrainConfig], TrainConfig] = same
    settings_2: Callable[[TrainConfig], TrainConfig] = same
    patch: Callable[[], AbstractContextManager] = nullcontext
    n_stages: int = 2


AS_IS = Variant()
DEFAULT = TrainConfig()


def train(poses, *, budget, seed, config=DEFAULT, variant=AS_IS) -> Trained:
    curve = Curve()
    watched = replace(config.diagnostics, stop=False)  # what lacks an ingredient may well be sick
    config = variant.settings(replace(config, seed=seed, diagnostics=watched))
    with variant.patch():
        if budget.seconds is not None:
            config = fitted(config, poses, budget.seconds, n_stages=variant.n_stages)
        training = Training.start(poses, config)
        for report in steps(training, variant):
            share = (report.step - 1) / report.total_steps
            curve.add(share, {f"{report.stage} {k}": v for k, v in report.losses.items()})
            show_progress(report)
    if variant.n_stages == 2:
        return lifter_trained(training.lifter(), curve)
    return Trained(generator_lift(training.generators[0], People.of(poses)), curve)


def steps(training: Training, variant: Variant) -> Iterator[StepReport]:
    """Train as the variant does."""
    stage_1 = training.config.gan.n_generators * training.config.gan.steps
    for report in training.steps():
        yield report
        if report.step == stage_1:
            if variant.n_stages == 1:
                return
            training.config = variant.settings_2(training.config)


def fitted(config: TrainConfig, poses: np.ndarray, seconds: float, *, n_stages: int) -> TrainConfig:
    """Change all numbers of steps by one factor, so that training takes this long on one core.

    Stage 2 gets small batches, as the supervised network does.
    """
    batch = min(config.distill.batch, SHORT_BATCH)
    config = replace(config, distill=replace(config.distill, batch=batch))
    trial = replace(
        config,
        gan=replace(config.gan, n_generators=1, steps=_TRIAL_STEPS),
        distill=replace(config.distill, steps=_TRIAL_STEPS),
    )
    spent = {"gan": 0.0, "distill": 0.0}
    before = time.process_time()
    for report in Training.start(poses, trial).steps():
        spent[report.stage.split()[0]] += time.process_time() - before
        before = time.process_time()
    stage_1 = spent["gan"] * config.gan.n_generators * config.gan.steps / _TRIAL_STEPS
    stage_2 = spent["distill"] * config.distill.steps / _TRIAL_STEPS if n_stages == 2 else 0
    factor = seconds / (stage_1 + stage_2)
    return replace(
        config,
        gan=replace(
            config.gan,
            steps=max(1, round(factor * config.gan.steps)),
            cycle_warmup_steps=max(1, round(factor * config.gan.cycle_warmup_steps)),
        ),
        distill=replace(config.distill, steps=max(1, round(factor * config.distill.steps))),
    )


def generator_lift(generator, people: People):
    """Return stage 1 as a lifter: by each source's own proportions, mirror averaged."""

    @torch.no_grad()
    def lift(poses: np.ndarray) -> np.ndarray:
        joints = people.normalized(poses)
        table = measure_bone_lengths(joints)
        bones = canonical_bones(bone_vectors(joints), table)
        lifted = torch.cat([bones, generator(bones)[..., None]], dim=-1)
        other = mirrored_bones(bones)
        mirrored = mirrored_bones(torch.cat([other, generator(other)[..., None]], dim=-1))
        whole = joints_of((lifted + mirrored) / 2 * table[:, None])
        perspective = 1 + whole[..., 2:] / CAMERA_DISTANCE
        return torch.cat([whole[..., :2] * perspective, whole[..., 2:]], dim=-1).numpy()

    return lift


def one_generator(config: TrainConfig) -> TrainConfig:
    return replace(config, gan=replace(config.gan, n_generators=1))


def _lengths_as_lifted() -> AbstractContextManager:
    @torch.no_grad()
    def lift_corpus(people: NormalizedPoses, generator: Generator) -> Corpus:
        bones = torch.cat([people.bones, generator(people.bones)[..., None]], dim=-1)
        return Corpus(bones, people.weights)

    return mock.patch.object(lifting_train, "lift_corpus", lift_corpus)


VARIANTS = {
    "stage 2": Variant(one_generator, n_stages=1),
    "realistic cameras in stage 2": Variant(
        settings_2=lambda config: replace(config, camera=LEVEL_AND_FAR)
    ),
    "bone lengths set right": Variant(patch=_lengths_as_lifted),
}
"""By the ingredient that is missing; those that are settings are in ``deployments/sweeps``."""


def show_progress(report: StepReport) -> None:
    if report.step % 100 == 0 or report.step == report.total_steps:
        losses = "  ".join(f"{name} {value:.3f}" for name, value in report.losses.items())
        print(f"\r{report.stage} {report.step}/{report.total_steps}  {losses}\033[K", end="")
        print(end="\n" if report.step == report.total_steps else "", flush=True)
