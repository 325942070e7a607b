"""Who is selected: one person of each image by a rule, or those who are annotated."""

from dataclasses import replace

import numpy as np
import pytest
from mpii_mat import image_of, save_release

from pose_lib.annotations import Annotations
from pose_lib.convert import convert_keypoints
from pose_lib.datasets.annotation_files import read_keypoint_truth
from pose_lib.errors import InputError
from pose_lib.keypoints import Keypoints
from pose_lib.person_selection import PersonSelection, check_selection, select_people
from pose_lib.skeleton import BODY_15, MPII_16

HEIGHT = 200
ONE_A_PICTURE = ("largest", "score", "central")


def standing(x, y, height=HEIGHT):
    """A person around (x, y), whose joints spread over the height and a third of it."""
    rng = np.random.default_rng(0)
    spread = rng.uniform(-0.5, 0.5, (16, 2)) * [height / 3, height]
    return np.c_[spread - spread.mean(0) + [x, y], np.ones(16)].astype(np.float32)


def found(people, names=("day/a.jpg",), image=None, score=None):
    """The same people as detected, in images of 1000 by 600 pixels."""
    people = np.array(people, np.float32).reshape(-1, 16, 3)
    return Keypoints(
        skeleton=MPII_16,
        filename=names,
        size=np.full((len(names), 2), [1000, 600], np.int32),
        status=np.ones(len(names), np.int64),
        reason=("",) * len(names),
        keypoints=people,
        image=np.zeros(len(people), np.int64) if image is None else np.array(image),
        score=np.ones(len(people), np.float32) if score is None else np.array(score, np.float32),
    )


def annotated(people, names=("a.jpg",), image=None, *, with_joints=True):
    """The same people as annotated: by joints, or by position and scale alone."""
    people = np.array(people, np.float32).reshape(-1, 16, 3)
    center = people[..., :2].mean(1)
    n_people = len(people)
    if not with_joints:
        people = np.tile(np.array([np.nan, np.nan, 0], np.float32), (n_people, 16, 1))
    return Annotations(
        skeleton=MPII_16,
        filename=names,
        image=np.zeros(n_people, np.int64) if image is None else np.array(image),
        keypoints=people,
        visible=people[..., 2] > 0,
        center=center,
        scale=np.full(n_people, HEIGHT / 200, np.float32),
        head_size=np.full(n_people, np.nan, np.float32),
        area=np.full(n_people, np.nan, np.float32),
    )


by_joints_or_position = pytest.mark.parametrize("with_joints", [True, False])


def test_all_chooses_everybody():
    assert select_people(found([standing(100, 100), standing(300, 100)]), "all").all()


def test_each_rule_chooses_by_what_it_says():
    people = [standing(100, 300, 290), standing(300, 300), standing(520, 300)]
    keypoints = found(people, score=[1, 3, 2])
    assert select_people(keypoints, "largest").tolist() == [True, False, False]
    assert select_people(keypoints, "score").tolist() == [False, True, False]
    assert select_people(keypoints, "central").tolist() == [False, False, True]


@pytest.mark.parametrize("rule", ONE_A_PICTURE)
def test_every_picture_with_people_chooses_one_of_equals_too(rule):
    people = [standing(x, 300) for x in (100, 200, 300, 400, 400)]
    keypoints = found(people, ("a.jpg", "b.jpg", "c.jpg"), [0, 0, 0, 2, 2])
    chosen = select_people(keypoints, rule)
    assert np.bincount(keypoints.image[chosen], minlength=3).tolist() == [1, 0, 1]


@pytest.mark.parametrize("rule", ONE_A_PICTURE)
def test_people_of_whom_nothing_was_found_are_chosen_last(rule):
    nothing = np.tile(np.array([np.nan, np.nan, 0], np.float32), (16, 1))
    keypoints = found([nothing, standing(100, 100)], score=[0, 1])
    assert select_people(keypoints, rule).tolist() == [False, True]


def test_a_joint_that_was_not_found_makes_nobody_larger():
    whole, torn = standing(100, 300), standing(500, 300, 220)
    torn[torn[:, 1].argmax()] = np.nan, np.nan, 0
    torn[torn[:, 1] > 310] = np.nan, np.nan, 0
    assert select_people(found([torn, whole]), "largest").tolist() == [False, True]


@pytest.mark.parametrize("rule", ["all", *ONE_A_PICTURE])
def test_no_people_are_no_choice(rule):
    assert select_people(found([]), rule).shape == (0,)


def test_central_needs_the_size_of_the_image():
    unknown = replace(found([standing(100, 100)]), size=np.zeros((1, 2), np.int32))
    with pytest.raises(InputError, match=r"size of day/a\.jpg is not known"):
        select_people(unknown, "central")


@by_joints_or_position
def test_the_annotated_choose_whom_they_are_about(with_joints):
    people = [standing(x, 300) for x in (100, 300, 500, 700)]
    truth = annotated([people[3], people[1]], with_joints=with_joints)
    moved = found(np.add(people, [6, -4, 0]))
    assert select_people(moved, "annotated", truth).tolist() == [False, True, False, True]


@by_joints_or_position
def test_of_two_found_for_one_annotated_person_the_nearer_is_chosen(with_joints):
    near, far = standing(304, 300), standing(312, 300)
    truth = annotated([standing(300, 300)], with_joints=with_joints)
    assert select_people(found([far, near]), "annotated", truth).tolist() == [False, True]


@by_joints_or_position
def test_nobody_is_chosen_twice_and_who_was_not_found_chooses_nobody(with_joints):
    truth = annotated([standing(300, 300), standing(305, 300)], with_joints=with_joints)
    assert select_people(found([standing(302, 300)]), "annotated", truth).tolist() == [True]
    far = found([standing(302, 300), standing(302 + 0.5 * HEIGHT, 300)])
    assert select_people(far, "annotated", truth).tolist() == [True, False]


@by_joints_or_position
@pytest.mark.parametrize("factor", [0.5, 3])
def test_how_near_is_near_goes_by_the_annotated_scale(with_joints, factor):
    truth = annotated([standing(300, 300)], with_joints=with_joints)
    scaled = replace(truth, scale=factor * truth.scale)
    limit = HEIGHT * factor / (8 if with_joints else 3)
    for share in (0.9, 1.1):
        someone = found([standing(300 + share * limit, 300)])
        assert select_people(someone, "annotated", scaled).tolist() == [share < 1]


def test_the_whole_of_a_person_comes_before_a_piece_of_theirs():
    whole, piece = standing(304, 300), standing(300, 300)
    piece[3:] = np.nan, np.nan, 0
    truth = annotated([standing(300, 300)])
    assert select_people(found([piece, whole]), "annotated", truth).tolist() == [False, True]


def test_joints_tell_apart_who_overlaps():
    truth = annotated([standing(300, 300)])
    mirrored = standing(300, 300)
    mirrored[:, :2] = 600 - mirrored[:, :2]  # the same place and size, another pose
    assert select_people(found([mirrored]), "annotated", truth).tolist() == [False]
    by_place = annotated([standing(300, 300)], with_joints=False)
    assert select_people(found([mirrored]), "annotated", by_place).tolist() == [True]


@by_joints_or_position
def test_images_are_matched_by_the_ends_of_their_paths_and_others_choose_nobody(with_joints):
    person = standing(300, 300)
    names = ("day/a.jpg", "day/b.jpg", "day/c.jpg")
    truth = annotated(
        [person, person], ("c.jpg", "z.jpg", "b.jpg"), [0, 2], with_joints=with_joints
    )
    chosen = select_people(found([person] * 3, names, [0, 1, 2]), "annotated", truth)
    assert chosen.tolist() == [False, True, True]


def test_an_image_that_is_annotated_as_empty_chooses_nobody():
    truth = annotated([])
    assert select_people(found([standing(300, 300)]), "annotated", truth).tolist() == [False]


def test_an_ambiguous_name_and_annotations_of_other_images_are_bad_input():
    person = standing(300, 300)
    twice = found([person, person], ("x/a.jpg", "y/a.jpg"), [0, 1])
    with pytest.raises(InputError, match=r"a\.jpg may mean both x/a\.jpg and y/a\.jpg"):
        select_people(twice, "annotated", annotated([person]))
    with pytest.raises(InputError, match=r"not one of the 1 images is annotated.*day/a\.jpg"):
        select_people(found([person]), "annotated", annotated([person], ("b.jpg",)))


def test_annotated_photographs_choose_their_people_out_of_strangers(shared):
    truth = read_keypoint_truth(shared / "data/mpii/images/ground_truth.json")
    theirs = convert_keypoints(truth.keypoints, truth.skeleton, BODY_15)
    strangers = theirs + np.array([400, 250, 0], np.float32)
    both = np.concatenate([theirs, strangers])[order := np.argsort(np.tile(truth.image, 2))]
    keypoints = replace(
        found([], truth.filename),
        skeleton=BODY_15,
        keypoints=both,
        image=np.tile(truth.image, 2)[order],
        score=np.ones(len(both), np.float32),
    )
    chosen = select_people(keypoints, "annotated", truth)
    np.testing.assert_array_equal(chosen, order < len(theirs))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "best"}, "rule must be one of all, largest, .*got 'best'"),
        ({"rule": "annotated"}, "needs a file of annotations"),
        ({"rule": "score", "annotations": "a.mat"}, "to the rule 'annotated' only, not to 'score'"),
    ],
)
def test_a_choice_that_cannot_be_made_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PersonSelection(**options)


def test_a_choice_can_be_checked_before_there_are_people(tmp_path):
    names = ("day/a.jpg", "day/b.jpg")
    check_selection(PersonSelection("largest"), names)
    truth = save_release(tmp_path / "truth.mat", [image_of("b.jpg")])
    check_selection(PersonSelection("annotated", str(truth)), names)
    with pytest.raises(InputError, match=r"truth\.mat: not one of the 1 images is annotated"):
        check_selection(PersonSelection("annotated", str(truth)), names[:1])
    with pytest.raises(InputError, match=r"gone\.mat") as raised:
        check_selection(PersonSelection("annotated", str(tmp_path / "gone.mat")), names)
    assert str(raised.value).count("gone.mat") == 1
