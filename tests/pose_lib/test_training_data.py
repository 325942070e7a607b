"""Poses to train on are the same whatever they come in."""

from pathlib import Path

import numpy as np
import pytest
from made_up_people import some_keypoints

import pose_lib
from pose_lib.convert import convert_keypoints
from pose_lib.errors import InputError
from pose_lib.formats.npy_pair import write_npy_pair
from pose_lib.formats.openpose_json import write_openpose
from pose_lib.person_selection import PersonSelection
from pose_lib.skeleton import BODY_15, COCO_18, MPII_16
from pose_lib.store import Provenance, choose_again, open_store, publish, write_shard
from pose_lib.training_data import read_training_poses

NAMES = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


@pytest.mark.parametrize("kind", ["store", "npy", "openpose"])
def test_a_store_an_npy_pair_and_openpose_json_give_the_same_poses(tmp_path, kind):
    people = some_keypoints(NAMES)
    source = {"store": as_store, "npy": write_npy_pair, "openpose": write_openpose}[kind](
        people, tmp_path / "data"
    )
    read = read_training_poses([source])
    np.testing.assert_array_equal(read.poses, convert_keypoints(people.keypoints, COCO_18, BODY_15))
    assert read.sources == ((str(source), people.n_people),)


def test_several_sources_are_joined_in_the_order_given(tmp_path):
    pair = write_npy_pair(some_keypoints(NAMES), tmp_path / "pair")
    mpii = tmp_path / "mpii.npz"
    np.savez(mpii, joints=np.ones((3, 16, 2)), joint_names=np.array(MPII_16.joints))
    read = read_training_poses([mpii, pair])
    assert read.sources[0] == (str(mpii), 3)
    assert (read.poses[:3, 0] == 1).all()
    assert len(read.poses) == 3 + some_keypoints(NAMES).n_people


def test_poses_are_told_apart_by_the_skeleton_they_come_from(tmp_path):
    people = some_keypoints(NAMES)
    pair = write_npy_pair(people, tmp_path / "pair")
    mpii = tmp_path / "mpii.npz"
    np.savez(mpii, joints=np.ones((3, 16, 2)), joint_names=np.array(MPII_16.joints))
    read = read_training_poses([pair, mpii, pair])
    assert {name: len(poses) for name, poses in read.by_skeleton.items()} == {
        "coco_18": 2 * people.n_people,
        "mpii_16": 3,
    }
    assert (read.by_skeleton["mpii_16"][:, 0] == 1).all()


def test_the_digest_follows_the_poses_not_their_format(tmp_path):
    people = some_keypoints(NAMES)
    pair = write_npy_pair(people, tmp_path / "pair")
    digest = read_training_poses([pair]).digest
    assert digest == read_training_poses([write_openpose(people, tmp_path / "json")]).digest
    assert digest != read_training_poses([pair, pair]).digest


def test_people_without_any_joint_are_left_out(tmp_path):
    joints = np.zeros((3, 16, 2))
    joints[1] = 5
    np.savez(tmp_path / "a.npz", joints=joints, joint_names=np.array(MPII_16.joints))
    assert len(read_training_poses([tmp_path / "a.npz"]).poses) == 1


def test_the_bundled_poses_are_two_thousand_complete_people_with_thanks_to_their_source():
    path = Path(pose_lib.__file__).parent / "data/sample/poses_2d.npz"
    read = read_training_poses([path])
    assert read.poses.shape == (2000, 15, 3)
    assert (read.poses[..., 2] == 1).all()
    assert "mocap.cs.cmu.edu" in str(np.load(path, allow_pickle=False)["acknowledgement"])
    assert path.stat().st_size < 500_000


def test_what_is_no_training_data_is_told_what_is(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    for source in (tmp_path, tmp_path / "notes.txt", tmp_path / "missing"):
        with pytest.raises(InputError, match=r"accepted is a keypoint store, .*MPII annotations"):
            read_training_poses([source])


def test_sources_without_a_single_pose_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no pose to train on in .*data"):
        read_training_poses([write_npy_pair(some_keypoints([]), tmp_path / "data")])


def test_only_the_chosen_people_of_a_store_are_trained_on(tmp_path):
    people = some_keypoints(["a.jpg", "b.jpg", "c.jpg", "d.jpg"], seed=1)
    store = as_store(people, tmp_path / "s.zarr")
    chosen = choose_again(store, PersonSelection("largest")).only_chosen()
    assert 0 < chosen.n_people < people.n_people
    np.testing.assert_array_equal(
        read_training_poses([store]).poses,
        convert_keypoints(chosen.keypoints, chosen.skeleton, BODY_15),
    )


def as_store(people, path):
    open_store(path, Provenance("COCO_18", "hash"))
    write_shard(path, people, people.filename, np.zeros(people.n_images, np.float32))
    publish(path, people.filename, dict(zip(people.filename, people.filename, strict=True)))
    return path
