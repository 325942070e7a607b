"""Lifted people come back from the disk, and reach OpenPose's 3D list by joint name."""

import json

import numpy as np
import pytest
from made_up_people import some_keypoints

from pose_lib.errors import InputError
from pose_lib.lifting.files.poses3d_npz import (
    read_lifted_poses,
    write_lifted_poses,
    write_openpose_3d,
)
from pose_lib.lifting.lifter import LiftedPoses
from pose_lib.skeleton import BODY_15, COCO_18


def lifted_people(n_people):
    """The last person is refused, all right wrists are filled in."""
    poses = np.random.default_rng(1).normal(size=(n_people, 15, 3)).astype(np.float32)
    poses[-1] = np.nan
    filled = np.zeros((n_people, 15), bool)
    filled[:-1, BODY_15.index("right_wrist")] = True
    uncertainty = np.linspace(0.05, 0.2, 15 * n_people, dtype=np.float32).reshape(n_people, 15)
    return LiftedPoses(poses, filled, ("",) * (n_people - 1) + ("too few joints",), uncertainty)


def test_lifted_people_come_back_the_same(tmp_path):
    people = some_keypoints(["a.jpg", "été 1.png"])
    lifted = lifted_people(people.n_people)
    write_lifted_poses(tmp_path / "poses3d.npz", people, lifted)
    back = read_lifted_poses(tmp_path / "poses3d.npz")
    np.testing.assert_array_equal(back.poses3d, lifted.poses3d)
    np.testing.assert_array_equal(back.filled, lifted.filled)
    np.testing.assert_array_equal(back.uncertainty, lifted.uncertainty)
    assert back.refused == lifted.refused


def test_a_file_of_the_version_before_is_read(tmp_path):
    people = some_keypoints(["a.jpg"])
    lifted = lifted_people(people.n_people)
    write_lifted_poses(tmp_path / "poses3d.npz", people, lifted)
    with np.load(tmp_path / "poses3d.npz") as arrays:
        before = dict(arrays)
    before["spread"] = before.pop("uncertainty")
    np.savez(tmp_path / "before.npz", **before)
    back = read_lifted_poses(tmp_path / "before.npz")
    np.testing.assert_array_equal(back.uncertainty, lifted.uncertainty)


def test_the_file_says_where_everybody_was_found_without_pickle(tmp_path):
    people = some_keypoints(["a.jpg", "b.jpg"])
    write_lifted_poses(tmp_path / "poses3d.npz", people, lifted_people(people.n_people))
    with np.load(tmp_path / "poses3d.npz", allow_pickle=False) as arrays:
        expected = [people.filename[image] for image in people.image]
        assert arrays["filename"].tolist() == expected
        assert arrays["joints"].tolist() == list(BODY_15.joints)


def test_openpose_json_carries_3d_by_joint_name(tmp_path):
    people = some_keypoints(["a.jpg", "b.jpg", "c.jpg"])
    lifted = lifted_people(people.n_people)
    assert people.n_people > 1
    write_openpose_3d(tmp_path, people, lifted)
    documents = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("*.json"))]
    everybody = [person for document in documents for person in document["people"]]
    first, last = everybody[0], everybody[-1]
    spatial = np.array(first["pose_keypoints_3d"]).reshape(18, 4)
    knee = lifted.poses3d[0, BODY_15.index("left_knee")]
    np.testing.assert_allclose(spatial[COCO_18.index("left_knee")], [*knee, 1], rtol=1e-6)
    assert spatial[COCO_18.index("right_wrist"), 3] == 0.5
    assert not spatial[COCO_18.index("left_ear")].any()  # the lifter has no ears
    assert not np.any(last["pose_keypoints_3d"])


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_a_file_that_holds_no_poses_is_named(tmp_path, content):
    (tmp_path / "poses3d.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"poses3d\.npz"):
        read_lifted_poses(tmp_path / "poses3d.npz")
