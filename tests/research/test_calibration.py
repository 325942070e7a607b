"""The benchmark of the lifter's sureness, on errors that are drawn from what it says."""

import numpy as np
import pytest

from pose_lib.lifting.files.lifter_folder import bundled_lifter
from pose_lib.lifting.networks import RADIUS_SHARES
from pose_lib.skeleton import BODY_15
from research.calibration import (
    COLORS,
    JOINTS,
    Sureness,
    calibration_figure,
    error_of_kept,
    joints_of_part,
    share_inside,
    sureness,
)

RADII = -np.log1p(-np.array(RADIUS_SHARES))  # of a distance that falls off exponentially


@pytest.fixture(scope="module")
def honest():
    """A lifter's word for errors that are as it says."""
    rng = np.random.default_rng(0)
    spread = rng.uniform(10, 200, (4000, 15))
    return Sureness(rng.exponential(spread), spread)


def test_an_honest_spread_holds_as_many_joints_as_it_says(honest):
    np.testing.assert_allclose(share_inside(honest, RADII), RADIUS_SHARES, atol=0.01)
    boastful = Sureness(honest.error, honest.spread / 2)
    assert (share_inside(boastful, RADII) < np.array(RADIUS_SHARES) - 0.02).all()


def test_dropping_unsure_joints_helps_where_the_spread_tells_something(honest):
    dropped = np.linspace(0, 0.9, 10)
    kept = error_of_kept(honest, dropped)
    assert kept[0] == pytest.approx(honest.error.mean())
    assert (np.diff(kept) < 0).all()
    clueless = Sureness(honest.error, np.random.default_rng(1).uniform(size=honest.spread.shape))
    np.testing.assert_allclose(error_of_kept(clueless, dropped), kept[0], rtol=0.05)


def test_every_joint_has_a_part_and_left_and_right_share_one():
    assert "pelvis" not in JOINTS
    assert joints_of_part("knee") == ("right_knee", "left_knee")


def test_the_size_that_the_truth_is_given_in_changes_nothing_but_the_unit():
    rng = np.random.default_rng(2)
    poses = np.concatenate([100 * rng.normal(size=(9, 15, 2)), np.ones((9, 15, 1))], -1)
    truth = rng.normal(size=(9, 15, 3))
    truth -= truth[:, [BODY_15.index("pelvis")]]
    one, thousand = (sureness(bundled_lifter(), poses, size * truth) for size in (1.0, 1000.0))
    np.testing.assert_allclose(1000 * one.error, thousand.error, rtol=1e-6)
    np.testing.assert_allclose(1000 * one.spread, thousand.spread, rtol=1e-6)


def test_the_figure_draws_the_line_of_each_set_of_people(honest):
    reliability, *_ = calibration_figure(dict.fromkeys(COLORS, honest), RADII).axes
    labels = [line.get_label() for line in reliability.lines]
    assert set(COLORS) <= set(labels)
