import numpy as np
import pytest
import torch
from made_people import walking_bones

from pose_lib.lifting.bones import AVERAGE_LENGTHS, bone_vectors, mirrored_bones
from pose_lib.lifting.lifter_input import features, normalized
from pose_lib.lifting.networks import Generator
from pose_lib.lifting.training.camera import turned
from pose_lib.lifting.training.canonical_people import canonical_people
from pose_lib.lifting.training.config import CameraConfig, DistillConfig, NoiseConfig
from pose_lib.lifting.training.synthesis import Corpus, join_corpora, lift_corpus, photograph


@pytest.fixture
def corpus(rng):
    bones = walking_bones(300, rng)
    return Corpus(bones, torch.full((300,), 1 / 300))


def photographs(corpus, rng, n=400, **noise):
    return photograph(corpus, n, DistillConfig(noise=NoiseConfig(**noise)), CameraConfig(), rng)


def test_the_corpus_holds_directions_from_every_generator(poses, rng):
    people = canonical_people(poses)
    corpus = join_corpora([lift_corpus(people, Generator(8, rng)) for _ in range(2)])
    assert len(corpus.bones) == 2 * len(people)
    assert corpus.weights.sum().item() == pytest.approx(1)
    lengths = corpus.bones.norm(dim=-1)
    assert (lengths <= 1 + 1e-5).all()
    assert (lengths > 0.99).float().mean() > 0.9


def test_bodies_differ_but_left_and_right_are_alike(corpus, rng):
    _, joints = photographs(corpus, rng)
    lengths = bone_vectors(joints).norm(dim=-1)
    right, left = lengths[:, 4], lengths[:, 6]
    torch.testing.assert_close(right, left)
    assert 0.05 < (right / AVERAGE_LENGTHS[4]).log().std() < 0.2


def test_whole_people_without_noise_are_seen_where_they_are(corpus, rng):
    seen, joints = photographs(
        corpus, rng, annotated_probability=1.0, openpose_probability=0.0, incomplete_probability=0.0
    )
    assert seen.visible.all()
    size = (seen.joints.amax(dim=1) - seen.joints.amin(dim=1)).amax(dim=1)
    apart = (seen.joints - joints[..., :2]).norm(dim=-1).mean(1) / size
    assert apart.median() < 0.05  # perspective alone


def test_some_joints_are_missing_and_most_are_not(corpus, rng):
    seen, _ = photographs(corpus, rng, incomplete_probability=1.0)
    share = 1 - seen.visible.float().mean().item()
    assert 0.05 < share < 0.3
    assert seen.visible.any(0).all()
    assert not seen.visible.all(0).any()


def test_proportions_are_told_for_some_and_zero_for_the_others(corpus, rng):
    seen, _ = photographs(corpus, rng)
    told = seen.conditioned > 0
    assert 0.4 < told.float().mean() < 0.8
    assert not seen.bone_length_ratios[~told].any()
    assert seen.bone_length_ratios[told].abs().mean() > 0.02


def test_the_same_seed_makes_the_same_people(corpus):
    first, second = (photographs(corpus, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first[0].joints, second[0].joints)
    assert torch.equal(first[1], second[1])


def test_what_is_not_seen_cannot_matter(corpus, rng):
    seen, _ = photographs(corpus, rng, incomplete_probability=1.0)
    elsewhere = torch.where(seen.visible[..., None], seen.joints, 1e4)
    moved = type(seen)(elsewhere, seen.confidence, seen.bone_length_ratios, seen.conditioned)
    shown = [
        features(normalized(view, AVERAGE_LENGTHS)[0], AVERAGE_LENGTHS) for view in (seen, moved)
    ]
    np.testing.assert_array_equal(*shown)


@pytest.fixture
def turned_corpus(corpus, rng):
    """People who face anywhere."""
    angles = 2 * torch.pi * torch.rand(len(corpus.bones), generator=rng)
    return Corpus(turned(corpus.bones, angles), corpus.weights)


def mixed(corpus, rng, *, legs, arms):
    config = DistillConfig(leg_swap_probability=legs, arm_swap_probability=arms)
    return corpus.draw_mixed(2000, config, rng)


def test_without_mixing_everyone_keeps_their_limbs(corpus):
    unmixed = mixed(corpus, torch.Generator().manual_seed(1), legs=0.0, arms=0.0)
    assert torch.equal(unmixed, corpus.draw(2000, torch.Generator().manual_seed(1)))


def test_lent_legs_and_arms_face_like_the_rest_and_keep_their_length(turned_corpus, rng):
    bones = mixed(turned_corpus, rng, legs=1.0, arms=1.0)
    torch.testing.assert_close(bones.norm(dim=-1), torch.ones(2000, 12))
    hips, shoulders = bones[:, 0, [0, 2]], bones[:, 3, [0, 2]]
    apart = torch.cosine_similarity(hips, shoulders, dim=-1)
    assert apart.quantile(0.02) > 0.5


def test_mixing_shows_poses_that_nobody_took(corpus, rng):
    heights = torch.cat([corpus.bones, mirrored_bones(corpus.bones)])[..., 1]  # none turns them
    new, old = (
        torch.cdist(mixed(corpus, rng, legs=legs, arms=0.0)[..., 1], heights).amin(dim=1)
        for legs in (1.0, 0.0)
    )
    assert old.max() < 1e-2
    assert (new > 0.05).float().mean() > 0.9
