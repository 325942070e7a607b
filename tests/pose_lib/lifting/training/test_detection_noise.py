import math

import pytest
import torch
from made_people import walking_bones

from pose_lib.lifting.bones import joints_of
from pose_lib.lifting.training.config import NoiseConfig
from pose_lib.lifting.training.detection_noise import by_annotators, by_others, report_people
from pose_lib.skeleton import BODY_15

QUIET = NoiseConfig(
    annotated_probability=1.0,
    openpose_probability=0.0,
    annotation_noise=0.0,
    incomplete_probability=0.0,
)


@pytest.fixture
def people(rng):
    """Exact joints with middles half way, and boxes."""
    exact = joints_of(walking_bones(4000, rng))[..., :2].clone()
    for middle, ends in (("neck", "shoulder"), ("pelvis", "hip")):
        ends = BODY_15.indices((f"left_{ends}", f"right_{ends}"))
        exact[:, BODY_15.index(middle)] = exact[:, ends].mean(dim=1)
    return exact, (exact.amax(dim=1) - exact.amin(dim=1)).amax(dim=1)


def errors(joints, people):
    exact, box = people
    return (joints - exact).norm(dim=-1) / box[:, None]


def test_without_noise_nobody_moves_and_nothing_is_missing(people, rng):
    joints, confidence = report_people(*people, QUIET, rng)
    torch.testing.assert_close(joints, people[0])
    assert (confidence == 1).all()


def test_jitter_of_zero_moves_nobody_either(people, rng):
    still = NoiseConfig(min_jitter=0.0, max_jitter=0.0, outlier_probability=0.0)
    joints, confidence = by_others(*people, still, rng)
    torch.testing.assert_close(joints, people[0])
    assert confidence.min() >= 0.3


def test_joints_are_finite_and_confidences_are_shares(people, rng):
    joints, confidence = report_people(*people, NoiseConfig(), rng)
    assert joints.isfinite().all()
    assert (confidence[confidence > 0] >= 0.05).all()
    assert confidence.max() <= 1


def test_the_same_seed_reports_the_same(people):
    first, second = (
        report_people(*people, NoiseConfig(), torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert all(map(torch.equal, first, second))


def test_a_larger_person_errs_by_as_much_of_the_box(people):
    exact, box = people
    small, large = (
        report_people(size * exact, size * box, NoiseConfig(), torch.Generator().manual_seed(3))
        for size in (1, 100)
    )
    torch.testing.assert_close(100 * small[0], large[0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(small[1], large[1], rtol=1e-3, atol=1e-3)


def test_manners_are_mixed_as_the_shares_say(people, rng):
    shares = NoiseConfig(
        annotated_probability=0.2, openpose_probability=0.5, incomplete_probability=0.0
    )
    joints, confidence = report_people(*people, shares, rng)
    near = (errors(joints, people) < 0.015).all(1) & (confidence == 1).all(1)
    assert 0.2 - 0.02 < near.float().mean() < 0.26  # some others are as sure and as near
    incomplete = (confidence == 0).any(1).float().mean().item()
    assert incomplete == pytest.approx(0.5 * 0.37, abs=0.03)


def test_annotation_noise_is_a_share_of_the_box(people, rng):
    joints, _ = by_annotators(*people, NoiseConfig(annotation_noise=0.01), rng)
    assert errors(joints, people).pow(2).mean().sqrt() == pytest.approx(
        0.01 * math.sqrt(2 / 3), rel=0.05
    )


def test_others_jitter_and_their_outliers_are_as_set(people, rng):
    steady = NoiseConfig(min_jitter=0.01, max_jitter=0.01, outlier_probability=0.1)
    joints, _ = by_others(*people, steady, rng)
    error = errors(joints, people)
    assert error.median() == pytest.approx(0.01 * 1.177, rel=0.15)
    assert (error > 0.06).float().mean() == pytest.approx(0.1 * math.exp(-1 / 8), abs=0.015)


def test_people_lack_joints_only_as_often_as_the_share_says(people, rng):
    by_hand = NoiseConfig(
        annotated_probability=1.0, openpose_probability=0.0, incomplete_probability=0.5
    )
    _, confidence = report_people(*people, by_hand, rng)
    incomplete = (confidence == 0).any(1).float().mean()
    assert 0.35 < incomplete < 0.5
    assert set(confidence.unique().tolist()) == {0.0, 1.0}


def test_a_pelvis_made_from_hips_is_between_them_and_missing_with_them(people, rng):
    openpose = NoiseConfig(
        annotated_probability=0.0, openpose_probability=1.0, incomplete_probability=1.0
    )
    joints, confidence = report_people(*people, openpose, rng)
    pelvis, ends = BODY_15.index("pelvis"), BODY_15.indices(("left_hip", "right_hip"))
    torch.testing.assert_close(joints[:, pelvis], joints[:, ends].mean(dim=1))
    torch.testing.assert_close(confidence[:, pelvis], confidence[:, ends].amin(dim=1))
    assert 0.02 < (confidence[:, pelvis] == 0).float().mean() < 0.3
