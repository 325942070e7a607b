import numpy as np
import pytest

from pose_lib.evaluation.keypoint_metrics import (
    COCO_SIGMAS,
    HEAD_OF_SEGMENT,
    box_similarities,
    distances_in_heads,
    head_sizes,
    joint_sigmas,
    match_people,
    oks,
    pckh,
    pckh_auc,
    pckh_curve,
)
from pose_lib.skeleton import COCO_17, MPII_16

AREA = np.array([10_000.0])
SIGMAS = joint_sigmas(COCO_17.joints, COCO_SIGMAS)


@pytest.fixture
def person():
    xy = np.random.default_rng(0).uniform(0, 100, (1, len(COCO_17), 2))
    return np.concatenate([xy, np.ones((1, len(COCO_17), 1))], axis=-1)


def moved(people, distance):
    return people + np.array([distance, 0, 0])


def missing(people, joint):
    people = people.copy()
    people[:, COCO_17.index(joint)] = np.nan, np.nan, 0
    return people


def test_a_person_is_wholly_similar_to_themselves(person):
    assert oks(person, person, AREA, SIGMAS)[0, 0] == pytest.approx(1)


def test_similarity_falls_with_distance_and_grows_with_the_area(person):
    near, far = (oks(moved(person, d), person, AREA, SIGMAS)[0, 0] for d in (2, 10))
    assert 1 > near > far > 0
    assert oks(moved(person, 10), person, 4 * AREA, SIGMAS)[0, 0] > far


def test_similarity_of_one_joint_follows_the_formula(person):
    only_nose = person.copy()
    only_nose[:, 1:, 2] = 0
    expected = np.exp(-(3.0**2) / (2 * 10_000 * (2 * 0.026) ** 2))
    assert oks(moved(only_nose, 3), only_nose, AREA, SIGMAS)[0, 0] == pytest.approx(expected)


def test_a_larger_sigma_forgives_more(person):
    wide = joint_sigmas(COCO_17.joints, {**COCO_SIGMAS, "wrist": 0.2})
    strict, lenient = (oks(moved(person, 9), person, AREA, s)[0, 0] for s in (SIGMAS, wide))
    assert lenient > strict


def test_a_sigma_with_a_side_goes_before_that_of_both_sides():
    left, right = joint_sigmas(("left_hip", "right_hip"), {"hip": 0.1, "left_hip": 0.3})
    assert (left, right) == (0.3, 0.1)
    assert np.isnan(joint_sigmas(("tail",), COCO_SIGMAS)).all()


def test_a_joint_not_found_costs_its_share(person):
    found = missing(person, "left_knee")
    assert oks(found, person, AREA, SIGMAS)[0, 0] == pytest.approx(16 / 17)
    assert pckh(distances_in_heads(found, person, np.array([20.0]))) == pytest.approx(16 / 17)


def test_a_joint_not_annotated_costs_nothing(person):
    truth = missing(person, "left_knee")
    assert oks(person, truth, AREA, SIGMAS)[0, 0] == pytest.approx(1)
    assert pckh(distances_in_heads(person, truth, np.array([20.0]))) == 1


def test_half_a_head_away_is_right_and_farther_is_wrong(person):
    head = np.array([20.0])
    assert pckh(distances_in_heads(moved(person, 9.99), person, head)) == 1
    assert pckh(distances_in_heads(moved(person, 10.01), person, head)) == 0


def test_people_of_unknown_head_size_have_no_pckh(person):
    assert np.isnan(pckh(distances_in_heads(person, person, np.array([np.nan]))))


def test_the_curve_rises_to_pckh_and_its_area_is_that_of_the_steps():
    distances = np.array([[0.0, 0.1, 0.3, np.inf, np.nan]])
    curve = pckh_curve(distances)
    assert curve[[0, 9, 10, 30, 50]].tolist() == [0.25, 0.25, 0.5, 0.75, 0.75]
    assert np.all(np.diff(curve) >= 0)
    steps = 0.25 * (1 + 0.8 + 0.4)  # each joint is right over its share of 0 to 0.5
    assert pckh_auc(curve) == pytest.approx(steps, abs=0.01)
    assert pckh_auc(np.ones(51)) == pytest.approx(1)


def test_an_annotated_head_size_goes_before_a_measured_one():
    people = np.ones((4, len(MPII_16), 3))
    people[:, MPII_16.index("head_top"), 1] = 41
    people[2, MPII_16.index("upper_neck"), 2] = 0
    sizes = head_sizes(people, np.array([25.0, np.nan, np.nan, 0.0]), MPII_16)
    measured = 40 * HEAD_OF_SEGMENT
    np.testing.assert_allclose(sizes, [25, measured, np.nan, measured])


def test_a_skeleton_without_a_head_gives_no_head_size(person):
    assert np.isnan(head_sizes(person, np.array([np.nan]), COCO_17)).all()


def test_in_a_box_three_times_as_large_everything_is_similar(person):
    box = np.array([[100.0, 0.0, 100.0, 100.0]])  # the person lies in the box to its left
    assert box_similarities(person, box, AREA, SIGMAS)[0, 0] == pytest.approx(1)
    assert box_similarities(moved(person, -300), box, AREA, SIGMAS)[0, 0] < 1e-3


def test_the_most_similar_pair_is_matched_first():
    similarity = np.array([[0.8, 0.9], [0.0, 0.95], [0.0, 0.0]])
    np.testing.assert_array_equal(match_people(similarity), [0, 1, -1])


def test_nobody_is_matched_where_nobody_is_found():
    np.testing.assert_array_equal(match_people(np.ones((2, 0))), [-1, -1])
