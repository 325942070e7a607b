"""MPII annotations from both kinds of files, and what is said of files that are neither."""

import numpy as np
import pytest
import scipy.io

from pose_lib.errors import InputError
from pose_lib.formats.mpii import read_mpii
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


def test_people_of_the_original_mat_are_read_whatever_is_lacking(tmp_path):
    joints = some_joints()
    everybody = [points_of(person) for person in joints]
    images = [
        {"annorect": people_of(everybody[:2])},
        {"annorect": people_of(everybody[2:])},
        {"annorect": {"scale": 1.5, "objpos": {"x": 1, "y": 2}}},
        {"annorect": np.zeros((0, 0))},
    ]
    save_mat(tmp_path / "a.mat", images)
    people = read_mpii(tmp_path / "a.mat")
    np.testing.assert_array_equal(people[..., :2], joints)
    assert (people[..., 2] == 1).all()


def test_points_of_a_mat_go_to_their_ids_and_the_rest_is_missing(tmp_path):
    points = [p for p in points_of(some_joints()[0]) if p["id"] in (3, 9)][::-1]
    save_mat(tmp_path / "a.mat", [{"annorect": people_of([points])}, {"annorect": people_of([])}])
    (person,) = read_mpii(tmp_path / "a.mat")
    assert np.flatnonzero(person[:, 2]).tolist() == [3, 9]
    np.testing.assert_array_equal(person[[3, 9], :2], some_joints()[0, [3, 9]])
    assert np.isnan(person[0, :2]).all()


def test_a_mat_of_a_single_image_with_a_single_point_is_read(tmp_path):
    points = points_of(some_joints()[0])[:1]
    save_mat(tmp_path / "a.mat", [{"annorect": people_of([points])}])
    assert read_mpii(tmp_path / "a.mat")[..., 2].sum() == 1


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
    with pytest.raises(InputError, match="that can be read") as raised:
        read_mpii(tmp_path / name)
    assert "\n" not in str(raised.value)


def test_a_mat_of_something_else_says_what_is_expected(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"wine": np.zeros(3)})
    with pytest.raises(InputError, match=r"expected RELEASE\.annolist.*found wine"):
        read_mpii(tmp_path / "a.mat")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no file of MPII annotations at .*a\.npz"):
        read_mpii(tmp_path / "a.npz")


def is_wrong_value(arrays):
    return bool({"joints", "joint_names"} & set(arrays))


def some_joints():
    return np.random.default_rng(0).uniform(1, 900, (4, 16, 2)).round(1).astype(np.float32)


def points_of(person):
    return [
        {"x": float(x), "y": float(y), "id": joint, "is_visible": 1}
        for joint, (x, y) in enumerate(person)
    ]


def people_of(people):
    return struct_array([{"annopoints": {"point": struct_array(points)}} for points in people])


def struct_array(items):
    """Return what scipy writes as a MATLAB struct array, which a list would not become."""
    if not items:
        return np.zeros((0, 0))
    array = np.zeros((1, len(items)), dtype=[(key, object) for key in items[0]])
    for column, item in enumerate(items):
        for key, value in item.items():
            array[0, column][key] = value
    return array


def save_mat(path, images):
    scipy.io.savemat(path, {"RELEASE": {"annolist": struct_array(images), "version": "1.2"}})
