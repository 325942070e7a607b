"""MPII annotations as an npz, and what is said of files that are no annotations."""

import numpy as np
import pytest

from pose_lib.datasets.mpii import read_mpii, read_mpii_annotations
from pose_lib.errors import InputError
from pose_lib.skeleton import MPII_16


def test_joints_of_an_npz_are_put_in_order_by_their_names(tmp_path):
    joints = some_joints()
    names = np.array(MPII_16.joints)
    for order in (slice(None), slice(None, None, -1)):
        path = tmp_path / "a.npz"
        np.savez(path, joints=joints[:, order], joint_names=names[order])
        np.testing.assert_array_equal(read_mpii(path)[..., :2], joints)


def test_short_names_of_sides_are_known(tmp_path):
    names = [n.replace("right_", "r_").replace("left_", "l_") for n in MPII_16.joints]
    np.savez(tmp_path / "a.npz", joints=some_joints(), joint_names=np.array(names))
    np.testing.assert_array_equal(read_mpii(tmp_path / "a.npz")[..., :2], some_joints())


@pytest.mark.parametrize("absent", [(0, 0), (-1, -1), (np.nan, np.nan), (5, np.nan)])
def test_a_joint_that_was_not_annotated_is_missing(tmp_path, absent):
    joints = some_joints()
    joints[1, 4] = absent
    np.savez(tmp_path / "a.npz", joints=joints, joint_names=np.array(MPII_16.joints))
    people = read_mpii(tmp_path / "a.npz")
    np.testing.assert_array_equal(people[1, 4], [np.nan, np.nan, 0])
    assert people[..., 2].sum() == people[..., 2].size - 1


def test_people_of_an_npz_stand_in_the_order_of_the_file_for_training(tmp_path):
    names = np.array(["b.jpg", "a.jpg", "b.jpg", "a.jpg"])
    path = tmp_path / "a.npz"
    np.savez(path, joints=some_joints(), joint_names=np.array(MPII_16.joints), image=names)
    np.testing.assert_array_equal(read_mpii(path)[..., :2], some_joints())
    annotated = read_mpii_annotations(path)
    assert annotated.filename == ("a.jpg", "b.jpg")
    np.testing.assert_array_equal(annotated.keypoints[..., :2], some_joints()[[1, 3, 0, 2]])


def test_an_npz_that_does_not_name_the_images_holds_no_annotations_of_images(tmp_path):
    np.savez(tmp_path / "a.npz", joints=some_joints(), joint_names=np.array(MPII_16.joints))
    with pytest.raises(InputError, match="lacks the key image"):
        read_mpii_annotations(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"poses": np.zeros(3)}, "expected the keys joints, joint_names; found poses"),
        ({}, "found none"),
        ({"joints": np.zeros((4, 15, 2))}, r"joints of shape \(person, 16, 2\), found .*15"),
        ({"joints": np.zeros((4, 16))}, r"\(person, 16, 2\)"),
        ({"joints": np.full((4, 16, 2), "x")}, r"found <U1"),
        ({"joints": np.full((4, 16, 2), None)}, "cannot|can't|pickle"),
        ({"joint_names": np.array(["nose"] * 16)}, "joint_names are nose, .*; expected right_a"),
        ({"joints": np.zeros((0, 16, 2))}, "nobody"),
    ],
)
def test_an_npz_with_other_keys_or_shapes_says_what_is_expected(tmp_path, arrays, message):
    right = {"joints": some_joints(), "joint_names": np.array(MPII_16.joints)}
    np.savez(tmp_path / "a.npz", **({**right, **arrays} if is_wrong_value(arrays) else arrays))
    with pytest.raises(InputError, match=message) as raised:
        read_mpii(tmp_path / "a.npz")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["a.npz", "a.mat"])
@pytest.mark.parametrize("content", [b"", b"neither kind of file, but long enough" * 9])
def test_a_file_that_is_neither_is_one_clear_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="cannot read the file of MPII annotations") as raised:
        read_mpii(tmp_path / name)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*a\.npz: No such file"):
        read_mpii(tmp_path / "a.npz")


def is_wrong_value(arrays):
    return bool({"joints", "joint_names"} & set(arrays))


def some_joints():
    return np.random.default_rng(0).uniform(1, 900, (4, 16, 2)).round(1).astype(np.float32)
