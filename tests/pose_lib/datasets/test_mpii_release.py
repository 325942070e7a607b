"""MPII's original annotations, from files that MATLAB, Octave and scipy wrote."""

from dataclasses import fields

import numpy as np
import pytest
import scipy.io
from mpii_mat import EMPTY, image_of, person_of, points_of, save_release, structs

from pose_lib.datasets.mpii import read_mpii, read_mpii_annotations
from pose_lib.datasets.mpii_release import read_mpii_release
from pose_lib.errors import InputError

SQUEEZED = {"squeeze_me": True, "struct_as_record": False}


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


def test_a_mat_of_something_else_says_what_is_expected(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"wine": np.zeros(3)})
    with pytest.raises(InputError, match=r"expected RELEASE\.annolist.*found wine"):
        read_mpii(tmp_path / "a.mat")


@pytest.mark.parametrize("table", ["img_train", "single_person", "act"])
def test_tables_that_are_about_other_images_are_refused(tmp_path, table):
    two, three = (save_release(tmp_path / f"{n}.mat", [image_of("a.jpg")] * n) for n in (2, 3))
    release = scipy.io.loadmat(three)["RELEASE"]
    release[table][0, 0] = scipy.io.loadmat(two)["RELEASE"][table][0, 0]
    scipy.io.savemat(tmp_path / "mixed.mat", {"RELEASE": release})
    with pytest.raises(InputError, match=f"{table} is about 2 images, annolist about 3"):
        read_mpii_release(tmp_path / "mixed.mat")


@pytest.mark.parametrize("again", [{"simplify_cells": True}, SQUEEZED], ids=["cells", "squeezed"])
def test_structs_that_became_cells_when_saved_again_mean_the_same(tmp_path, again):
    original = save_some_images(tmp_path / "a.mat")
    variables = scipy.io.loadmat(original, **again)
    scipy.io.savemat(tmp_path / "again.mat", {"RELEASE": variables["RELEASE"]})
    assert_same(read_mpii_release(tmp_path / "again.mat"), read_mpii_release(original))


def test_the_list_of_annotations_alone_is_read_as_training_images(tmp_path):
    original = save_some_images(tmp_path / "a.mat")
    variables = scipy.io.loadmat(original, simplify_cells=True)["RELEASE"]
    scipy.io.savemat(tmp_path / "alone.mat", {"annolist": variables["annolist"]})
    alone = read_mpii_release(tmp_path / "alone.mat")
    np.testing.assert_array_equal(
        alone.people.keypoints, read_mpii_release(original).people.keypoints
    )
    assert alone.train.all()


def test_empty_cells_among_people_and_points_are_nobody_and_no_point(tmp_path):
    points = points_of(some_joints()[0])
    person = {"annopoints": {"point": cells([EMPTY, *points])}, "scale": 2.0}
    image = {"image": {"name": "a.jpg"}, "annorect": cells([EMPTY, person])}
    release = {"annolist": cells([image, image]), "single_person": cells([2.0, EMPTY])}
    scipy.io.savemat(tmp_path / "a.mat", {"RELEASE": release})
    read = read_mpii_release(tmp_path / "a.mat")
    np.testing.assert_array_equal(read.people.keypoints[0, :, :2], some_joints()[0])
    assert read.people.image.tolist() == [0, 1]
    assert read.apart.tolist() == [True, False]
    assert read.unusable.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([{"image": {"name": "a.jpg"}}, {"annorect": EMPTY}], r"annolist\(2\) has no image\.name"),
        ([{"image": {"name": "a.jpg"}}, EMPTY], r"annolist\(2\) has no image\.name"),
        ([{"image": {"name": "a.jpg"}}, 7.0], "expected structs, found 7"),
    ],
)
def test_an_image_without_a_name_is_refused(tmp_path, images, message):
    scipy.io.savemat(tmp_path / "a.mat", {"RELEASE": {"annolist": cells(images)}})
    with pytest.raises(InputError, match=message):
        read_mpii_release(tmp_path / "a.mat")


@pytest.mark.parametrize("name", ["annolist_alone", "resaved_simplified", "resaved_squeezed"])
def test_files_that_were_saved_again_hold_everybody(shared, name):
    folder = shared / "cases/20-mpii-mat-resaved"
    people = read_mpii_release(folder / f"{name}.mat").people
    assert (len(people.filename), len(people)) == (5, 5)
    original = read_mpii_release(folder / "original_like.mat").people
    np.testing.assert_array_equal(people.keypoints, original.keypoints)


def some_joints():
    return np.random.default_rng(0).uniform(1, 900, (4, 16, 2)).round(1).astype(np.float32)


def save_points(path, points):
    """Write one person of these points and one of none."""
    people = [{"annopoints": {"point": structs(points)}}, {"annopoints": EMPTY}]
    return save_release(path, [image_of("a.jpg", people)])


def save_some_images(path):
    joints = some_joints()
    images = [
        image_of("a.jpg", [person_of(joints[0], visible=["1"] * 16)]),
        image_of("b.jpg", [person_of(joints[1]), person_of(scale=None, center=None, head=None)]),
        image_of("nobody.jpg"),
        image_of("c.jpg", [person_of(joints[2][:5], visible=["0", "1", "", "1", "0"])]),
    ]
    return save_release(path, images, train=[1, 1, 0, 1], single_person=[[1], [1, 2], [], []])


def cells(elements):
    """Return what scipy writes as a cell array."""
    array = np.empty(len(elements), object)
    array[:] = elements
    return array


def assert_same(release, other):
    for part, other_part in ((release, other), (release.people, other.people)):
        for field in fields(part):
            if field.name not in ("people", "skeleton"):
                ours, theirs = getattr(part, field.name), getattr(other_part, field.name)
                np.testing.assert_array_equal(ours, theirs, err_msg=field.name)
