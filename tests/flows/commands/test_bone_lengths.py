"""Bone lengths are measured on 2D alone, and stored with a model."""

import json

import numpy as np

from pose_lib.datasets.sample import sample_poses
from pose_lib.lifting.files.lifter_folder import load_lifter
from pose_lib.skeleton import MPII_16


def test_measured_lengths_are_stored_with_a_copy_of_the_model(poselift, tmp_path):
    outcome = poselift("bone-lengths", sample_poses(), "--save-to", tmp_path / "told", "--json")
    assert outcome.status == 0
    table = json.loads(outcome.out)["sources"]["mpii_16"]
    assert table["lengths"]["spine"] == 0.6
    assert table["people"] == 2000
    assert table["certain"]
    told = load_lifter(tmp_path / "told").for_joint_convention("MPII_16")
    assert told.bone_length_ratios is not None


def test_lengths_that_too_few_people_show_are_shown_as_unknown_and_not_stored(poselift, tmp_path):
    few = tmp_path / "few.npz"
    joints = np.random.default_rng(0).uniform(0, 100, (9, 16, 2))
    np.savez(few, joints=joints, joint_names=np.array(MPII_16.joints))
    shown = poselift("bone-lengths", few)
    assert shown.status == 0
    assert "too few people show every bone" in shown.out
    refused = poselift("bone-lengths", few, "--save-to", tmp_path / "told")
    assert refused.status == 2
    assert "mpii_16 cannot be stored" in refused.err
    assert not (tmp_path / "told").exists()
