import math

import pytest
import torch

from pose_lib.lifting.training.camera import pitched, projected, rolled, seen_from_elsewhere, turned
from pose_lib.lifting.training.config import CameraConfig

HEAD = torch.tensor([[[0.0, -1.0, 0.0]]])
RIGHT_HAND = torch.tensor([[[1.0, 0.0, 0.0]]])
QUARTER = torch.tensor([math.pi / 2])


def test_a_camera_that_looks_down_has_the_head_nearer():
    assert pitched(HEAD, torch.tensor([0.3]))[0, 0, 2] < 0


def test_turning_keeps_the_vertical_and_brings_the_side_to_depth():
    torch.testing.assert_close(turned(HEAD, QUARTER), HEAD)
    assert turned(RIGHT_HAND, QUARTER)[0, 0, 2].abs() == pytest.approx(1)


def test_rolling_keeps_the_depth(rng):
    points = torch.randn(4, 5, 3, generator=rng)
    angle = torch.randn(4, generator=rng)
    torch.testing.assert_close(rolled(points, angle)[..., 2], points[..., 2])


def test_another_view_shows_the_same_body(rng):
    points = torch.randn(50, 6, 3, generator=rng)
    view = seen_from_elsewhere(points, CameraConfig(), rng)
    torch.testing.assert_close(torch.cdist(view, view), torch.cdist(points, points))
    handedness = torch.linalg.det(view[:, :3]) / torch.linalg.det(points[:, :3])
    torch.testing.assert_close(handedness, torch.ones(50), rtol=1e-3, atol=1e-3)


def test_views_come_from_all_sides(rng):
    view = seen_from_elsewhere(RIGHT_HAND.expand(2000, -1, -1), CameraConfig(), rng)[:, 0]
    assert view.mean(0).abs().max() < 0.1
    assert view[:, 0].std() > 0.6
    assert view[:, 2].std() > 0.6


def test_what_is_nearer_looks_larger(rng):
    near_and_far = torch.tensor([[[1.0, 0.0, -0.5], [1.0, 0.0, 0.5]]])
    near, far = projected(near_and_far, CameraConfig(), rng)[0, :, 0]
    assert near > 1 > far


def test_a_camera_inside_the_person_is_refused():
    with pytest.raises(ValueError, match="nearest"):
        CameraConfig(nearest=0.5)
