import json

import numpy as np
import pytest
import torch
from made_people import TABLE
from made_pictures import write_truth

from pose_lib.datasets.image_truth import read_picture_truth
from pose_lib.lifting.evaluate_images import (
    LIMB_JOINTS,
    find_true_people,
    score_found,
    trunks_in_pixels,
)
from pose_lib.lifting.lifter import Lifter
from pose_lib.lifting.networks import Regressor
from pose_lib.skeleton import BODY_15


@pytest.fixture
def truth(tmp_path):
    return read_picture_truth(write_truth(tmp_path))


def as_found(truth):
    """Everybody, as a perfect detector finds them."""
    poses = truth.keypoints.copy()
    poses[..., 2] = poses[..., 2] > 0
    return poses


def find(truth, poses, image=None):
    image = truth.image if image is None else np.array(image)
    return find_true_people(poses, image, truth.image, truth)


def test_people_found_at_their_place_are_matched_whatever_their_order(truth):
    poses = as_found(truth)[[1, 0, 2]]
    found = find(truth, poses)
    assert found.matched.all()
    np.testing.assert_array_equal(found.poses, as_found(truth))
    assert not found.distances.any()


def test_one_found_person_serves_one_true_person_alone(truth):
    found = find(truth, as_found(truth)[[0, 2]], [0, 1])
    assert found.matched.tolist() == [True, False, True]
    assert np.isinf(found.distances[1]).all()


def test_the_more_complete_of_two_finds_is_taken(truth):
    whole, part = as_found(truth)[2], as_found(truth)[2]
    part[BODY_15.indices(("left_knee", "left_ankle"))] = np.nan, np.nan, 0
    found = find(truth, np.stack([part, whole]), [1, 1])
    np.testing.assert_array_equal(found.poses, whole[None])


def test_who_stands_elsewhere_is_nobody(truth):
    beside = as_found(truth)
    beside[..., 0] += 0.8 * trunks_in_pixels(truth).max()
    assert not find(truth, beside).matched.any()
    assert not find(truth, as_found(truth), [2, 2, 2]).matched.any()


def test_a_few_joints_are_not_enough(truth):
    poses = as_found(truth)
    poses[:, BODY_15.indices(LIMB_JOINTS[2:])] = np.nan, np.nan, 0
    assert not find(truth, poses).matched.any()


def test_the_measure_is_the_trunk_also_of_who_bends_towards_the_camera(truth):
    right, left = BODY_15.indices(("right_shoulder", "left_hip"))
    trunk = np.linalg.norm(truth.joints3d[:, right] - truth.joints3d[:, left], axis=-1)
    np.testing.assert_allclose(trunks_in_pixels(truth), 0.2 * trunk, rtol=1e-4)


def scores(truth, poses, image=None):
    lifter = Lifter(Regressor(TABLE, 16, torch.Generator().manual_seed(0)))
    return score_found(lifter, find(truth, poses, image), truth, adapt=True)


def test_joints_count_as_right_within_a_fifth_of_the_trunk(truth):
    poses = as_found(truth)
    wrists = BODY_15.indices(("left_wrist", "right_wrist"))
    poses[:, wrists[0], 1] += 0.19 * trunks_in_pixels(truth)
    poses[:, wrists[1], 1] += 0.21 * trunks_in_pixels(truth)
    figures, _ = scores(truth, poses)
    assert figures["pck_2d"] == pytest.approx(11 / 12)


def test_hidden_joints_count_in_one_figure_only(tmp_path):
    from made_pictures import NAMES

    vis = np.full((3, len(NAMES)), 2)
    vis[:, NAMES.index("left_wrist")] = 1
    truth = read_picture_truth(write_truth(tmp_path, vis=vis))
    poses = as_found(truth)
    poses[:, BODY_15.index("left_wrist")] = np.nan, np.nan, 0
    figures, _ = scores(truth, poses)
    assert figures["pck_2d"] == pytest.approx(11 / 12)
    assert figures["pck_2d_visible"] == 1


def test_people_not_found_are_wrong_in_all_joints_but_not_in_the_3d_figures(truth):
    figures, lifted = scores(truth, as_found(truth)[1:], truth.image[1:])
    assert (figures["people"], figures["found"], figures["poses"]) == (3, 2, 2)
    assert figures["pck_2d"] == pytest.approx(2 / 3)
    assert figures["pck150_all"] == pytest.approx(2 / 3 * figures["pck150"])
    assert len(lifted) == 2
    json.dumps(figures)
