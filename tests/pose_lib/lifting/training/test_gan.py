import copy

import numpy as np
import pytest
import torch
from made_people import TABLE, walking_bones

from pose_lib.lifting.bones import LEGS, UPPER_BODY, bone_indices, depth_bound
from pose_lib.lifting.networks import Discriminator, Generator
from pose_lib.lifting.training.canonical_people import canonical_people
from pose_lib.lifting.training.config import CameraConfig, GanConfig
from pose_lib.lifting.training.gan import GanStage, cycle_loss, flexion_loss, new_view

FRONT_TO_BACK = torch.tensor([1.0, 1.0, -1.0])


def bent_knee(backward):
    """Someone who faces the viewer with bent right knee, shin to the back or to the front."""
    bones = torch.zeros(1, 12, 3)
    bones[:, bone_indices("hip_axis", "shoulder_axis"), 0] = -1
    bones[:, bone_indices("right_thigh"), 1] = 1
    bones[:, bone_indices("right_shin"), 2] = 1 if backward else -1
    return bones


def test_a_knee_may_bend_the_way_knees_do_and_no_other():
    assert flexion_loss(bent_knee(backward=True)).item() == 0
    assert flexion_loss(bent_knee(backward=False)).item() > 0.5


def test_people_who_walk_bend_no_joint_the_wrong_way_and_their_mirror_images_do(rng):
    bones = walking_bones(50, rng)
    assert flexion_loss(bones).item() == pytest.approx(0, abs=1e-6)
    assert flexion_loss(bones * FRONT_TO_BACK).item() > 0.1


def test_no_depth_exceeds_its_bound_whatever_the_weights(rng):
    generator = Generator(16, rng)
    with torch.no_grad():
        for weight in generator.parameters():
            weight.mul_(30)
    bones = torch.randn(100, 12, 2, generator=rng)
    assert (generator(bones).abs() <= depth_bound(bones)).all()


def test_an_untrained_generator_leaves_people_almost_flat(rng):
    bones = 0.3 * torch.randn(100, 12, 2, generator=rng)
    assert Generator(64, rng)(bones).abs().mean() < 0.3


def test_each_discriminator_judges_its_own_part_of_the_body(rng):
    discriminator = Discriminator(TABLE, 16, rng)
    bones = torch.randn(1, 12, 2, generator=rng)
    for part, names in ((1, LEGS), (2, UPPER_BODY)):
        others = torch.ones(12, dtype=torch.bool)
        others[bone_indices(*names)] = False
        changed = bones.clone()
        changed[:, others] += 1
        moved = discriminator(changed) != discriminator(bones)
        assert moved[0, 0]
        assert not moved[0, part]


def test_a_new_view_of_an_upright_person_is_a_canonical_person(rng):
    view = new_view(walking_bones(200, rng), TABLE, CameraConfig(), rng)
    longest = view[..., :2].norm(dim=-1).amax(dim=1)
    assert (longest > 0.9).all()
    assert (longest < 1.6).all()


def test_relifting_the_pose_itself_costs_nothing(rng):
    depth = torch.randn(5, 12, generator=rng)
    assert cycle_loss(depth, depth).item() == 0
    assert cycle_loss(0 * depth, depth).item() > 0


def test_training_teaches_the_generator_which_way_joints_bend(poses, rng):
    config = GanConfig(steps=60, batch=64, width=32, cycle_warmup_steps=30, learning_rate=2e-3)
    stage = GanStage(canonical_people(poses), config, CameraConfig(), rng)
    reports = [stage.advance() for _ in range(config.steps)]
    flexion = [losses["flexion_loss"] for losses in reports]
    assert np.mean(flexion[-10:]) < 0.5 * np.max(flexion)
    assert all(np.isfinite(list(losses.values())).all() for losses in reports)
    assert all(0 <= losses["discriminator_accuracy"] <= 1 for losses in reports)


def test_the_discriminator_learns_to_tell_flat_people_apart(poses, rng):
    config = GanConfig(steps=60, batch=64, width=32, learning_rate=5e-3)
    stage = GanStage(canonical_people(poses), config, CameraConfig(), rng)
    accuracy = [stage.advance()["discriminator_accuracy"] for _ in range(config.steps)]
    assert np.mean(accuracy[-20:]) > 0.55


def test_a_discriminator_without_weight_does_not_learn(poses, rng):
    config = GanConfig(steps=2, batch=16, width=16, part_weights=(1.0, 0.0, 0.5))
    stage = GanStage(canonical_people(poses), config, CameraConfig(), rng)
    before = copy.deepcopy(stage.discriminator)
    stage.advance()
    changed = {
        part: not torch.equal(
            getattr(stage.discriminator, part)[0].weight, getattr(before, part)[0].weight
        )
        for part in ("whole", "legs", "upper_body")
    }
    assert changed == {"whole": True, "legs": False, "upper_body": True}


@pytest.mark.parametrize("weights", [(1.0, 0.5), (1.0, -0.5, 0.5), (0.0, 0.0, 0.0)])
def test_weights_that_are_not_one_for_each_part_are_refused(weights):
    with pytest.raises(ValueError, match="part_weights needs three weights"):
        GanConfig(part_weights=weights)


def test_people_as_photographed_are_shown_equally_often(poses, rng):
    people = canonical_people(poses)
    config = GanConfig(steps=2, batch=16, width=16, balance_azimuth=False)
    shown = GanStage(people, config, CameraConfig(), rng).people
    assert shown.weights.max() == shown.weights.min()
    assert people.weights.max() > people.weights.min()
