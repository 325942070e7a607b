import dataclasses
import itertools

import numpy as np
import pytest
import torch
from made_people import TINY

from pose_lib.errors import InputError, TrainingDivergedError
from pose_lib.lifting.training.config import DistillConfig, GanConfig, TrainConfig
from pose_lib.lifting.training.train import Training, allocate_generators


def trained(poses, config=TINY):
    training = Training.start(poses, config)
    return training, list(training.steps())


def test_reports_count_the_steps_of_all_stages(poses):
    _, reports = trained(poses)
    assert [report.step for report in reports] == list(range(1, TINY.total_steps + 1))
    stages = [stage for stage, _ in itertools.groupby(report.stage for report in reports)]
    assert stages == ["gan 1", "gan 2", "distill"]
    assert {report.total_steps for report in reports} == {18}


def test_every_gan_step_reports_both_losses_and_the_accuracy(poses):
    _, reports = trained(poses)
    wanted = {"generator_loss", "discriminator_loss", "discriminator_accuracy"}
    assert all(wanted <= set(report.losses) for report in reports if report.stage != "distill")
    assert set(reports[-1].losses) == {"joint_error", "pa_error", "uncertainty_loss"}


def test_a_seed_decides_everything(poses):
    _, first = trained(poses)
    torch.manual_seed(99)
    _, second = trained(poses)
    _, other = trained(poses, dataclasses.replace(TINY, seed=1))
    assert first == second
    assert first != other


def test_generators_of_one_training_differ(poses):
    training, _ = trained(poses)
    first, second = (generator.layers[0].weight for generator in training.generators)
    assert len(training.discriminators) == 2
    assert not torch.equal(first, second)


def test_the_global_random_state_is_left_alone(poses):
    before = torch.random.get_rng_state()
    trained(poses)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("stop", [0, 3, 6, 8, 12, 15, 18])
def test_a_resumed_training_goes_on_as_if_it_had_never_stopped(poses, stop):
    whole, uninterrupted = trained(poses)
    halted = Training.start(poses, TINY)
    list(itertools.islice(halted.steps(), stop))
    resumed = Training.restore(poses, TINY, halted.checkpoint())
    assert resumed.step == stop
    assert list(resumed.steps()) == uninterrupted[stop:]
    if stop < TINY.total_steps:
        np.testing.assert_array_equal(
            resumed.lifter().lift(poses).poses3d, whole.lifter().lift(poses).poses3d
        )


def test_a_checkpoint_does_not_change_when_training_goes_on(poses):
    training = Training.start(poses, TINY)
    steps = training.steps()
    next(steps)
    checkpoint = training.checkpoint()
    kept = {name: tensor.clone() for name, tensor in checkpoint.tensors.items()}
    next(steps)
    assert all(torch.equal(kept[name], tensor) for name, tensor in checkpoint.tensors.items())


def test_a_checkpoint_of_another_training_is_refused(poses):
    checkpoint = Training.start(poses, TINY).checkpoint()
    with pytest.raises(InputError, match="other poses"):
        Training.restore(poses[1:], TINY, checkpoint)
    with pytest.raises(InputError, match="another config"):
        Training.restore(poses, dataclasses.replace(TINY, seed=5), checkpoint)


def test_sources_share_the_generators_by_their_sizes_and_each_has_one():
    assert allocate_generators(6, [15_000, 14_000]) == [0, 0, 0, 1, 1, 1]
    assert allocate_generators(6, [15_000, 1_000]) == [0, 0, 0, 0, 0, 1]
    assert allocate_generators(2, [5, 5]) == [0, 1]
    with pytest.raises(ValueError, match="too few"):
        allocate_generators(1, [5, 5])


def test_two_large_sources_train_to_a_lifter_and_resume_as_if_never_stopped(poses):
    many = np.tile(poses, (4, 1, 1))
    both, counts = np.concatenate([many, many + 1]), (len(many), len(many))
    whole = Training.start(both, TINY, counts)
    reports = list(whole.steps())
    assert whole.n_people == sum(len(people) for people in whole.people) > len(many)
    halted = Training.start(both, TINY, counts)
    list(itertools.islice(halted.steps(), 9))
    resumed = Training.restore(both, TINY, halted.checkpoint(), counts)
    assert list(resumed.steps()) == reports[9:]
    with pytest.raises(InputError, match="other poses"):
        Training.restore(both, TINY, halted.checkpoint())


def test_there_is_no_lifter_before_the_last_stage(poses):
    with pytest.raises(ValueError, match="train to the end"):
        Training.start(poses, TINY).lifter()


def test_a_lifter_stays_as_it_was_when_training_goes_on(poses):
    training = Training.start(poses, TINY)
    steps = training.steps()
    list(itertools.islice(steps, 14))
    lifter = training.lifter()
    before = lifter.lift(poses).poses3d
    list(steps)
    np.testing.assert_array_equal(lifter.lift(poses).poses3d, before)


def test_refining_brings_joints_nearer(poses):
    config = TrainConfig(
        gan=GanConfig(n_generators=1, steps=2, batch=16, width=8),
        distill=DistillConfig(steps=300, batch=64, width=64),
    )
    errors = [report.losses["joint_error"] for report in trained(poses, config)[1][2:]]
    assert np.mean(errors[-10:]) < 0.85 * np.mean(errors[:10])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_learns_what_a_processor_learns_and_either_goes_on_with_the_other_s_work(poses):
    on_gpu = dataclasses.replace(TINY, use_gpu=True)
    _, expected = trained(poses)
    halted = Training.start(poses, on_gpu)
    reports = list(itertools.islice(halted.steps(), 15))
    resumed = Training.restore(poses, TINY, halted.checkpoint())
    errors = [report.losses["joint_error"] for report in (*reports, *resumed.steps())[12:]]
    assert errors == pytest.approx(
        [report.losses["joint_error"] for report in expected[12:]], rel=0.05
    )
    assert Training.restore(poses, on_gpu, resumed.checkpoint()).lifter().lift(poses).lifted.all()


@pytest.mark.parametrize("rate", ["learning_rate", "muon_learning_rate"])
def test_refining_that_ends_in_no_numbers_is_stopped_with_the_reason(poses, rate):
    distill = dataclasses.replace(TINY.distill, **{rate: 1e30})
    with pytest.raises(
        TrainingDivergedError, match=r"stopped in distill at step.*no longer a finite"
    ):
        trained(poses, dataclasses.replace(TINY, distill=distill))


def test_a_training_without_steps_is_refused():
    with pytest.raises(ValueError, match="steps must be greater than 0, not 0"):
        GanConfig(steps=0)
