import numpy as np
import torch
from scipy.spatial.transform import Rotation

from pose_lib.evaluation.pose_metrics import joint_errors_aligned
from pose_lib.lifting.training.alignment import aligned_distances


def some_poses(rng, n=8):
    return torch.randn(n, 15, 3, generator=rng)


def test_it_is_the_error_that_poses_are_scored_by(rng):
    poses, truth = some_poses(rng), some_poses(rng)
    scored = joint_errors_aligned(poses.numpy(), truth.numpy())
    np.testing.assert_allclose(aligned_distances(poses, truth), scored, atol=1e-4)


def test_a_mirrored_pose_is_wrong(rng):
    truth = some_poses(rng)
    assert aligned_distances(truth * torch.tensor([1.0, 1.0, -1.0]), truth).mean() > 0.3


def test_size_place_and_direction_do_not_count(rng):
    truth = some_poses(rng)
    turn = torch.from_numpy(Rotation.from_euler("xyz", [0.5, -1, 2]).as_matrix()).float()
    assert aligned_distances(3 * truth @ turn + 5, truth).max() < 1e-4


def test_descending_makes_the_shape_right_and_leaves_the_direction(rng):
    truth = some_poses(rng)
    poses = (some_poses(rng) * 0.3 + truth).requires_grad_()
    adam = torch.optim.Adam([poses], lr=0.01)
    for _ in range(300):
        adam.zero_grad()
        aligned_distances(poses, truth).mean().backward()
        adam.step()
    assert aligned_distances(poses, truth).mean() < 0.02


def test_points_without_extent_have_a_finite_gradient(rng):
    truth = some_poses(rng)
    poses = torch.zeros_like(truth, requires_grad=True)
    distances = aligned_distances(poses, truth)
    distances.mean().backward()
    assert distances.isfinite().all()
    assert poses.grad.isfinite().all()


def test_poses_that_are_no_numbers_have_no_distance_and_do_no_harm_to_others(rng):
    truth = some_poses(rng)
    poses = truth.clone()
    poses[0, 3], poses[1, 3] = torch.nan, torch.inf
    distances = aligned_distances(poses, truth)
    assert distances[:2].isnan().any(dim=1).all()
    assert distances[2:].max() < 1e-4
