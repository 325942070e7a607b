import numpy as np
import pytest
import torch
from made_people import TABLE

from pose_lib.datasets.pose_truth import read_pose_truth
from pose_lib.errors import InputError
from pose_lib.lifting.evaluate import evaluate_lifter
from pose_lib.lifting.files.lifter_folder import bundled_lifter
from pose_lib.lifting.lifter import Lifter
from pose_lib.lifting.networks import Regressor
from pose_lib.skeleton import BODY_15

MIRROR_X = np.float32([-1, 1, 1])
MISSING = np.float32([np.nan, np.nan, 0])


@pytest.fixture(scope="module")
def lifter():
    """An untrained lifter: the laws below hold for any weights."""
    return Lifter(Regressor(TABLE, 32, torch.Generator().manual_seed(0)))


def test_lifting_the_mirror_image_gives_the_mirrored_pose(lifter, holes):
    mirrored = holes[:, BODY_15.mirror] * MIRROR_X
    twice = lifter.lift(mirrored).poses3d[:, BODY_15.mirror] * MIRROR_X
    np.testing.assert_allclose(twice, lifter.lift(holes).poses3d, atol=1e-5)


def test_a_joint_and_its_mirror_image_are_equally_uncertain(lifter, holes):
    mirrored = holes[:, BODY_15.mirror] * MIRROR_X
    twice = lifter.lift(mirrored).uncertainty[:, BODY_15.mirror]
    np.testing.assert_allclose(twice, lifter.lift(holes).uncertainty, rtol=1e-5)


def test_where_a_person_stands_and_how_large_they_are_does_not_matter(lifter, holes):
    moved = holes * np.float32([5, 5, 1]) + np.float32([2000, -300, 0])
    np.testing.assert_allclose(lifter.lift(moved).poses3d, lifter.lift(holes).poses3d, atol=1e-3)


def test_the_pelvis_is_the_origin_half_way_between_the_hips(lifter, poses):
    lifted = lifter.lift(poses).poses3d
    hips = lifted[:, BODY_15.indices(("left_hip", "right_hip"))]
    assert not lifted[:, BODY_15.index("pelvis")].any()
    np.testing.assert_allclose(hips.mean(1), 0, atol=1e-6)


def test_missing_joints_are_filled_and_flagged(lifter, holes):
    lifted = lifter.lift(holes)
    assert np.isfinite(lifted.poses3d[lifted.lifted]).all()
    np.testing.assert_array_equal(lifted.filled[lifted.lifted], holes[lifted.lifted][..., 2] == 0)


def test_what_a_missing_joint_carries_does_not_matter(lifter, holes):
    zeros = np.nan_to_num(holes, nan=0.0)
    np.testing.assert_array_equal(lifter.lift(zeros).poses3d, lifter.lift(holes).poses3d)


def test_people_of_too_few_joints_are_refused_with_the_reason(lifter, poses):
    few = poses[:2].copy()
    few[0, 5:] = MISSING
    lifted = lifter.lift(few)
    assert lifted.refused == ("only 5 joints found, 6 are needed", "")
    assert np.isnan(lifted.poses3d[0]).all()
    assert not lifted.filled[0].any()


def test_a_point_is_no_person(lifter):
    assert lifter.lift(np.ones((1, 15, 3), np.float32)).refused == ("all joints coincide",)


def test_joints_that_share_no_bone_are_refused(lifter, poses):
    scattered = poses[:1].copy()
    kept = ("nose", "right_wrist", "left_wrist", "pelvis", "right_knee", "left_knee")
    scattered[:, [joint not in kept for joint in BODY_15.joints]] = MISSING
    assert lifter.lift(scattered).refused == ("no trunk or limb found whole",)


def test_nobody_lifts_to_nobody(lifter):
    lifted = lifter.lift(np.empty((0, 15, 3), np.float32))
    assert len(lifted) == 0
    assert lifted.poses3d.shape == (0, 15, 3)


def test_a_lifter_learns_its_source_s_proportions_from_2d(lifter, poses):
    adapted = lifter.adapted(poses)
    assert adapted.bone_length_ratios is not None
    assert adapted.bone_length_ratios.abs().max() < 0.15  # the poses were made with this very table
    assert not np.array_equal(adapted.lift(poses).poses3d, lifter.lift(poses).poses3d)
    assert lifter.bone_length_ratios is None


def test_too_few_people_tell_no_proportions(lifter, poses):
    with pytest.raises(InputError, match="too few people to measure bone lengths"):
        lifter.adapted(poses[:20])


@pytest.mark.parametrize(("noisy", "adapt", "limit"), [(False, True, 36), (True, False, 56)])
def test_the_bundled_lifter_lifts_people_it_has_never_seen(shared, noisy, adapt, limit):
    truth = read_pose_truth(shared / "data/mocap/eval_val_2d3d.npz")
    poses = truth.noisy if noisy else truth.clean
    figures, lifted = evaluate_lifter(bundled_lifter(), poses, truth.joints3d, adapt=adapt)
    assert np.isfinite(lifted).all()
    assert figures["pa_mpjpe"] < limit
    assert figures["mirror_rate"] < 0.02


@pytest.mark.parametrize("noisy", [False, True])
def test_as_many_true_joints_lie_within_the_spread_as_it_says(shared, noisy):
    truth = read_pose_truth(shared / "data/mocap/eval_val_2d3d.npz")
    lifter, poses = bundled_lifter(), truth.noisy if noisy else truth.clean
    lifted = lifter.lift(poses)
    scale = (lifted.poses3d * truth.joints3d).sum((1, 2)) / np.square(lifted.poses3d).sum((1, 2))
    distance = np.linalg.norm(lifted.poses3d - truth.joints3d / scale[:, None, None], axis=-1)
    movable = np.arange(15) != BODY_15.index("pelvis")  # which is never wrong
    for share in (0.5, 0.8, 0.95):
        inside = (distance <= lifter.radius(share) * lifted.uncertainty)[:, movable].mean()
        assert abs(inside - share) < 0.1
