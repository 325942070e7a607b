"""Sick GANs are told from healthy ones, and looking at them changes nothing."""

import dataclasses
import json
import math

import pytest
import torch
from made_people import TINY, walking_bones

from pose_lib.config import build_config
from pose_lib.errors import TrainingDivergedError
from pose_lib.lifting.training.config import DEMO, DiagnosticsConfig, GanConfig, TrainConfig
from pose_lib.lifting.training.gan_diagnostics import (
    DiagnosticsReport,
    divergence,
    facing_distance,
    mirror_share,
)
from pose_lib.lifting.training.train import Training, deciding_settings

FRONT_TO_BACK = torch.tensor([1.0, 1.0, -1.0])
WELL = DiagnosticsReport(
    step=400,
    discriminator_accuracy=0.62,
    depth_spread=0.55,
    depth_saturated=0.06,
    mirror_share=0.02,
    facing_distance=0.06,
)
EAGER = DiagnosticsConfig(every=2, people=64, begin=0, patience=2)
"""Looks often enough for trainings of a few steps."""


def watched(**changes):
    return dataclasses.replace(TINY, diagnostics=dataclasses.replace(EAGER, **changes))


def reports_of(poses, config):
    return list(Training.start(poses, config).steps())


def test_walkers_are_not_mirrored_and_their_mirror_images_are(rng):
    bones = walking_bones(200, rng)
    assert mirror_share(bones) == 0
    assert mirror_share(bones * FRONT_TO_BACK) > 0.95


def test_the_same_people_in_another_order_face_the_same_ways(rng):
    bones = torch.randn(100, 12, 2, generator=rng)
    assert facing_distance(bones.flip(0), bones) == 0
    assert facing_distance(bones, 0 * bones) > 0.3


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"mirror_share": 0.6}, "max_mirrored"),
        ({"depth_spread": 0.05}, "min_depth_spread"),
        ({"depth_saturated": 0.9}, "max_saturated"),
        ({"discriminator_accuracy": 0.97}, "max_accuracy"),
        ({"facing_distance": 0.3}, "max_facing_distance"),
        ({"mirror_share": math.nan}, "max_mirrored"),
    ],
)
def test_each_sickness_is_named_with_its_limit(changes, setting):
    sick = dataclasses.replace(WELL, **changes)
    assert setting in divergence([sick] * 3, DiagnosticsConfig())
    assert divergence([WELL] * 3, DiagnosticsConfig()) == ""


def test_a_sickness_counts_when_it_lasts_and_not_before_the_limits_apply():
    sick = dataclasses.replace(WELL, mirror_share=0.6)
    config = DiagnosticsConfig()
    assert divergence([sick, WELL, sick], config) == ""
    assert divergence([sick, sick], config) == ""
    assert divergence([dataclasses.replace(sick, step=config.begin - 1)] * 3, config) == ""
    assert divergence([sick] * 3, dataclasses.replace(config, stop=False)) == ""


def test_the_gan_is_looked_at_regularly_and_at_its_end(poses):
    looked = [
        report.step
        for report in reports_of(poses, watched(every=4, stop=False))
        if report.diagnostics
    ]
    assert looked == [4, 6, 10, 12]  # of two generators with six steps each


def test_looking_changes_no_loss(poses):
    often = [report.losses for report in reports_of(poses, watched(stop=False))]
    never = [report.losses for report in reports_of(poses, watched(every=99, stop=False))]
    assert often == never


def test_a_sick_training_ends_with_one_line_that_says_where_and_why(poses):
    with pytest.raises(TrainingDivergedError) as caught:
        reports_of(poses, watched(min_depth_spread=1.0))
    message = str(caught.value)
    assert "gan 1 at step 4 of 6" in message
    assert "diagnostics.min_depth_spread is 1" in message
    assert "\n" not in message
    assert not caught.value.hopeless


def test_a_sick_training_stays_sick_until_its_limits_change(poses):
    training = Training.start(poses, watched(min_depth_spread=1.0))
    with pytest.raises(TrainingDivergedError) as first:
        list(training.steps())
    checkpoint = training.checkpoint()
    with pytest.raises(TrainingDivergedError) as again:
        next(Training.restore(poses, watched(min_depth_spread=1.0), checkpoint).steps())
    assert str(again.value) == str(first.value)
    rest = list(Training.restore(poses, watched(stop=False), checkpoint).steps())
    assert rest == reports_of(poses, watched(stop=False))[4:]


@pytest.mark.parametrize("stop", [1, 2, 7, 12])
def test_a_resumed_training_reports_the_same_diagnostics(poses, stop):
    config = watched(stop=False)
    uninterrupted = reports_of(poses, config)
    halted = Training.start(poses, config)
    steps = halted.steps()
    for _ in range(stop):
        next(steps)
    checkpoint = halted.checkpoint()
    kept = json.loads(json.dumps(checkpoint.values))  # as a file gives it back
    resumed = Training.restore(poses, config, dataclasses.replace(checkpoint, values=kept))
    assert list(resumed.steps()) == uninterrupted[stop:]


def test_losses_that_are_no_numbers_end_a_training_for_good(poses):
    explosive = dataclasses.replace(TINY.gan, learning_rate=1e30, steps=40)
    with pytest.raises(
        TrainingDivergedError, match=r"gan 1 at step .* lower gan.learning_rate"
    ) as caught:
        reports_of(poses, dataclasses.replace(TINY, gan=explosive))
    assert caught.value.hopeless


def test_a_generator_that_hardly_learns_is_caught_as_flat(poses):
    gan = GanConfig(n_generators=1, steps=12, batch=16, width=16, learning_rate=1e-9)
    defaults = dataclasses.replace(DiagnosticsConfig(), every=4, begin=0, people=64)
    with pytest.raises(TrainingDivergedError, match="flat or all alike"):
        reports_of(poses, dataclasses.replace(TINY, gan=gan, diagnostics=defaults))


def test_settings_without_a_word_of_diagnostics_are_as_good_as_before():
    assert build_config({"gan": {"steps": 5}}, TrainConfig, where="old.toml").diagnostics.stop
    relaxed = dataclasses.replace(DEMO, diagnostics=DiagnosticsConfig(stop=False))
    assert deciding_settings(relaxed) == deciding_settings(DEMO)


@pytest.mark.parametrize("option", ["every", "people", "patience"])
def test_a_watch_that_never_looks_is_refused(option):
    with pytest.raises(ValueError, match=f"{option} must be greater than 0"):
        DiagnosticsConfig(**{option: 0})
