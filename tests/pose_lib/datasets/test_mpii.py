"""MPII annotations from both kinds of files, and what is said of files that are neither."""

import numpy as np
import pytest
import scipy.io
from mpii_mat import EMPTY, image_of, person_of, points_of, save_release, structs

from pose_lib.datasets.mpii import read_mpii, read_mpii_annotations, read_mpii_release
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
    with pytest.raises(InputError, match="a key image"):
        read_mpii_annotations(tmp_path / "a.npz")


def test_people_of_the_original_mat_are_read_whatever_is_lacking(tmp_path):
    joints = some_joints()
    images = [
        image_of("a.jpg", [person_of(joints[0]), person_of(joints[1])]),
        image_of("b.jpg", [person_of(joints[2]), person_of(joints[3], visible=["1"] * 16)]),
        image_of("head only.jpg", [person_of()]),
        image_of("nobody.jpg"),
        image_of("nothing known.jpg", [{"scale": EMPTY}]),
    ]
    people = read_mpii(save_release(tmp_path / "a.mat", images))
    np.testing.assert_array_equal(people[..., :2], joints)
    assert (people[..., 2] == 1).all()


def test_everybody_and_every_image_is_in_the_release(tmp_path):
    joints = some_joints()
    images = [
        image_of("b.jpg", [person_of(joints[0]), person_of(joints[1])]),
        image_of("nobody.jpg"),
        image_of("a.jpg", [person_of(scale=None, center=None, head=None)]),
    ]
    path = save_release(
        tmp_path / "a.mat", images, train=[1, 1, 0], single_person=[[2], [], [1]], version="12.1"
    )
    release = read_mpii_release(path)
    assert release.people.filename == ("b.jpg", "nobody.jpg", "a.jpg")
    assert release.people.image.tolist() == [0, 0, 2]
    assert release.train.tolist() == [True, True, False]
    assert release.apart.tolist() == [False, True, True]
    assert release.activity == ("yoga",) * 3
    assert release.version == "12.1"
    np.testing.assert_allclose(release.people.center, [[150, 200], [150, 200], [np.nan] * 2])
    np.testing.assert_allclose(release.people.scale, [1.5, 1.5, np.nan])


def test_a_head_is_six_tenths_of_the_diagonal_of_its_box(tmp_path):
    people = [person_of(head=(100, 50, 130, 90)), person_of(head=(7, 7, 7, 7))]
    release = read_mpii_release(save_release(tmp_path / "a.mat", [image_of("a.jpg", people)]))
    np.testing.assert_allclose(release.people.head_size, [30, np.nan])


@pytest.mark.parametrize(
    ("written", "visible", "stated"),
    [
        ("1", True, True),
        ("0", False, True),
        (1, True, True),
        (0, False, True),
        ("", True, False),
        (EMPTY, True, False),
    ],
)
def test_a_joint_is_hidden_only_where_the_file_says_so(tmp_path, written, visible, stated):
    person = person_of(some_joints()[0], visible=[written] * 16)
    release = read_mpii_release(save_release(tmp_path / "a.mat", [image_of("a.jpg", [person])]))
    assert release.people.visible.all() == visible
    assert release.stated.all() == stated
    assert (release.people.keypoints[..., 2] == 1).all()


def test_points_of_a_mat_go_to_their_ids_and_the_rest_is_missing(tmp_path):
    points = [p for p in points_of(some_joints()[0]) if p["id"] in (3, 9)][::-1]
    (person,) = read_mpii(save_points(tmp_path / "a.mat", points))
    assert np.flatnonzero(person[:, 2]).tolist() == [3, 9]
    np.testing.assert_array_equal(person[[3, 9], :2], some_joints()[0, [3, 9]])
    assert np.isnan(person[0, :2]).all()


def test_a_mat_of_a_single_image_with_a_single_point_is_read(tmp_path):
    points = points_of(some_joints()[0])[:1]
    assert read_mpii(save_points(tmp_path / "a.mat", points))[..., 2].sum() == 1


def test_of_points_for_one_joint_the_first_counts_and_those_of_no_joint_are_counted(tmp_path):
    good = points_of(some_joints()[0])
    again = {"x": 1.0, "y": 2.0, "id": 4}
    none = [{"x": 1.0, "y": 2.0, "id": 16}, {"x": EMPTY, "y": 2.0, "id": 5}]
    path = save_points(tmp_path / "a.mat", [*good, again, *none])
    release = read_mpii_release(path)
    np.testing.assert_array_equal(release.people.keypoints[0, :, :2], some_joints()[0])
    assert (release.repeated[0], release.unusable[0]) == (1, 2)


def test_a_person_and_a_point_may_be_a_struct_instead_of_an_array(tmp_path):
    point = {"x": 3.0, "y": 4.0, "id": 9, "is_visible": "1"}
    person = {"annopoints": {"point": point}, "scale": 2.0, "objpos": {"x": 1.0, "y": 2.0}}
    image = {"image": {"name": "a.jpg"}, "annorect": person}
    scipy.io.savemat(tmp_path / "a.mat", {"RELEASE": {"annolist": image, "img_train": 1}})
    people = read_mpii_release(tmp_path / "a.mat").people
    np.testing.assert_array_equal(people.keypoints[0, 9], [3, 4, 1])
    assert people.filename == ("a.jpg",)


def test_people_of_the_real_annotations_come_back_from_a_mat_as_they_were(shared, tmp_path):
    truth = read_mpii_annotations(shared / "data/mpii/annotations/mpii_train_full16.npz")
    few = [truth.of_image(row) for row in range(0, len(truth.filename), 40)]
    images = [
        image_of(truth.filename[row], [person_of(xyc[:, :2]) for xyc in truth.keypoints[people]])
        for row, people in zip(range(0, len(truth.filename), 40), few, strict=True)
    ]
    again = read_mpii_annotations(save_release(tmp_path / "a.mat", images))
    assert again.filename == truth.filename[::40]
    wanted = np.concatenate([truth.keypoints[people] for people in few])
    np.testing.assert_array_equal(again.keypoints, wanted)
    assert len(wanted) > 300


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


def test_a_mat_of_something_else_says_what_is_expected(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"wine": np.zeros(3)})
    with pytest.raises(InputError, match=r"expected RELEASE\.annolist.*found wine"):
        read_mpii(tmp_path / "a.mat")


@pytest.mark.parametrize("table", ["img_train", "single_person", "act"])
def test_tables_that_are_about_other_images_are_refused(tmp_path, table):
    one, two = (save_release(tmp_path / f"{n}.mat", [image_of("a.jpg")] * n) for n in (1, 2))
    release = scipy.io.loadmat(two)["RELEASE"]
    release[table][0, 0] = scipy.io.loadmat(one)["RELEASE"][table][0, 0]
    scipy.io.savemat(tmp_path / "mixed.mat", {"RELEASE": release})
    with pytest.raises(InputError, match=f"{table} is about 1 images, annolist about 2"):
        read_mpii_release(tmp_path / "mixed.mat")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no file of MPII annotations at .*a\.npz"):
        read_mpii(tmp_path / "a.npz")


def is_wrong_value(arrays):
    return bool({"joints", "joint_names"} & set(arrays))


def some_joints():
    return np.random.default_rng(0).uniform(1, 900, (4, 16, 2)).round(1).astype(np.float32)


def save_points(path, points):
    """Write one person of these points and one of none."""
    people = [{"annopoints": {"point": structs(points)}}, {"annopoints": EMPTY}]
    return save_release(path, [image_of("a.jpg", people)])
