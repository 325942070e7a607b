import json

import numpy as np
import pytest
import torch
from made_people import TABLE, photographed, walking_bones

from pose_lib.lifting.bones import joints_of
from pose_lib.lifting.evaluate import SCORED_JOINTS, evaluate_lifter, score_groups, score_poses
from pose_lib.lifting.lifter import Lifter
from pose_lib.lifting.networks import Regressor
from pose_lib.skeleton import BODY_15

KEYS = {
    "poses",
    "adapted_on",
    "pa_mpjpe",
    "pa_mpjpe_reflected",
    "n_mpjpe",
    "pck150",
    "auc",
    "mirror_rate",
    "pa_mpjpe_15",
    "per_joint",
}


def people(n=200):
    rng = torch.Generator().manual_seed(0)
    bones = walking_bones(n, rng)
    return photographed(bones, rng), 800 * joints_of(bones * TABLE[:, None]).numpy()


def test_the_truth_scores_perfectly_wherever_it_stands():
    _, truth = people()
    scores = score_poses(truth / 800 + np.float32([1, 2, 3]), truth)
    assert scores["pa_mpjpe"] < 0.01
    assert scores["n_mpjpe"] < 0.01
    assert scores["pck150"] == 1
    assert scores["mirror_rate"] == 0


def test_a_mirrored_person_is_told_from_a_right_one():
    _, truth = people()
    scores = score_poses(truth * np.float32([1, 1, -1]), truth)
    assert scores["pa_mpjpe"] > 20
    assert scores["pa_mpjpe_reflected"] < 0.01
    assert scores["mirror_rate"] > 0.9


def test_a_wrong_nose_counts_only_where_the_nose_is_scored():
    _, truth = people()
    wrong = truth.copy()
    wrong[:, BODY_15.index("nose")] += 500
    scores = score_poses(wrong, truth)
    assert scores["pa_mpjpe"] < 0.01 < 10 < scores["pa_mpjpe_15"]
    assert tuple(scores["per_joint"]) == SCORED_JOINTS
    assert len(SCORED_JOINTS) == 14


def test_the_figures_are_plain_numbers_under_the_agreed_names():
    poses, truth = people()
    poses[0, 3:] = np.nan, np.nan, 0  # refused, but scored all the same
    lifter = Lifter(Regressor(TABLE, 16, torch.Generator().manual_seed(0)))
    figures, lifted = evaluate_lifter(lifter, poses, truth, adapt=True)
    assert set(figures) == KEYS
    assert figures["poses"] == figures["adapted_on"] == len(poses)
    assert np.isfinite(lifted).all()
    json.dumps(figures)


def test_without_adaptation_nothing_is_measured():
    poses, truth = people(20)
    lifter = Lifter(Regressor(TABLE, 16, torch.Generator().manual_seed(0)))
    figures, _ = evaluate_lifter(lifter, poses, truth, adapt=False)
    assert figures["adapted_on"] == 0


def test_where_too_few_tell_proportions_people_are_lifted_as_strangers():
    poses, truth = people(20)
    lifter = Lifter(Regressor(TABLE, 16, torch.Generator().manual_seed(0)))
    figures, lifted = evaluate_lifter(lifter, poses, truth, adapt=True)
    assert figures["adapted_on"] == 0
    np.testing.assert_array_equal(lifted, lifter.lift(poses).poses3d)


def test_each_group_is_scored_by_itself_and_counts_once_in_the_mean():
    _, truth = people(30)
    mirrored = truth * np.float32([1, 1, -1])
    group = ("Sitting",) * 20 + ("Walking",) * 10
    poses = np.where((np.arange(30) < 20)[:, None, None], truth, mirrored)
    scores = score_groups(poses, truth, group, "action")
    sitting, walking = scores["per_action"]["Sitting"], scores["per_action"]["Walking"]
    assert (sitting["poses"], walking["poses"]) == (20, 10)
    assert sitting["pa_mpjpe"] < 0.01 < 20 < walking["pa_mpjpe"]
    assert scores["action_mean"]["pa_mpjpe"] == (sitting["pa_mpjpe"] + walking["pa_mpjpe"]) / 2
    json.dumps(scores)


def test_the_pelvis_can_be_left_out_where_being_right_is_no_merit():
    _, truth = people(30)
    upside_down = truth * np.float32([1, -1, 1])
    right = 14 * score_poses(upside_down, truth)["pck150"]
    without = score_groups(upside_down, truth, ("TS1",) * 30, "sequence")
    assert right >= 1
    assert 13 * without["pck150_13"] == pytest.approx(right - 1)


def test_where_nobody_knows_the_nose_the_figure_with_it_is_left_out():
    _, truth = people(30)
    truth[:, BODY_15.index("nose")] = np.nan
    scores = score_poses(np.nan_to_num(truth), truth)
    assert scores["pa_mpjpe"] < 0.01
    assert scores["pa_mpjpe_15"] is None
