import numpy as np
import pytest

from pose_lib.evaluation.pose_metrics import (
    auc,
    joint_errors_aligned,
    joint_errors_scaled,
    mirror_rate,
    pck,
)

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(0, 300, (20, 14, 3))
MIRRORED = TRUTH * [1, 1, -1]


def random_rotation():
    rotation, _ = np.linalg.qr(RNG.normal(size=(3, 3)))
    return rotation * np.sign(np.linalg.det(rotation))


def test_the_truth_has_no_error():
    assert joint_errors_aligned(TRUTH, TRUTH).max() < 1e-6
    assert joint_errors_scaled(TRUTH, TRUTH).max() < 1e-6


def test_position_rotation_and_size_do_not_matter_once_aligned():
    poses = 0.01 * TRUTH @ random_rotation() + [3, -2, 9]
    assert joint_errors_aligned(poses, TRUTH).max() < 1e-6


def test_only_size_is_forgiven_by_scaling():
    assert joint_errors_scaled(0.002 * TRUTH, TRUTH).max() < 1e-6
    assert joint_errors_scaled(TRUTH @ random_rotation(), TRUTH).mean() > 100


def test_a_mirrored_pose_is_wrong_unless_reflection_is_allowed():
    assert joint_errors_aligned(MIRRORED, TRUTH).mean() > 100
    assert joint_errors_aligned(MIRRORED, TRUTH, reflect=True).max() < 1e-6


def test_no_other_alignment_does_better_on_squares():
    poses = TRUTH + RNG.normal(0, 50, TRUTH.shape)
    best = (joint_errors_aligned(poses, TRUTH) ** 2).sum(1)
    centred = poses - poses.mean(1, keepdims=True)
    for scale in (0.9, 1, 1.1):
        moved = scale * centred + TRUTH.mean(1, keepdims=True)
        assert (best <= ((moved - TRUTH) ** 2).sum((1, 2)) + 1e-6).all()


def test_an_error_known_by_hand():
    truth = np.array([[[0.0, 0, 0], [2, 0, 0]]])
    poses = np.array([[[0.0, 0, 0], [1, 1, 0]]])
    # the best scale is <p, t> / <p, p> = 2 / 2
    np.testing.assert_allclose(joint_errors_scaled(poses, truth), [[0, np.sqrt(2)]])


def test_joints_all_at_one_point_are_as_wrong_as_the_truth_is_large():
    flat = np.zeros_like(TRUTH)
    np.testing.assert_allclose(joint_errors_scaled(flat, TRUTH), np.linalg.norm(TRUTH, axis=-1))
    assert np.isfinite(joint_errors_aligned(flat, TRUTH)).all()


def test_pck_and_auc_are_shares():
    errors = np.array([[0.0, 150, 150.1, 1000]])
    assert pck(errors) == 0.5
    assert auc(np.zeros((1, 4))) == 1
    assert auc(np.full((1, 4), 151.0)) == 0
    assert auc(np.full((1, 4), 75.0)) == pytest.approx(16 / 31)


def test_the_mirror_rate_counts_poses_that_reflection_helps():
    poses = np.concatenate([TRUTH[:15], MIRRORED[15:]])
    strict = joint_errors_aligned(poses, TRUTH)
    reflected = joint_errors_aligned(poses, TRUTH, reflect=True)
    assert mirror_rate(strict, reflected) == 0.25
