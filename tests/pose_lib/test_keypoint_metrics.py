import numpy as np
import pytest

from pose_lib.keypoint_metrics import average_precision, match_people, oks, oks_ap, pckh
from pose_lib.skeleton import COCO_17

AREA = np.array([10_000.0])


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
    assert oks(person, person, AREA)[0, 0] == pytest.approx(1)


def test_similarity_falls_with_distance_and_grows_with_the_area(person):
    near, far = (oks(moved(person, d), person, AREA)[0, 0] for d in (2, 10))
    assert 1 > near > far > 0
    assert oks(moved(person, 10), person, 4 * AREA)[0, 0] > far


def test_similarity_of_one_joint_follows_the_formula(person):
    only_nose = person.copy()
    only_nose[:, 1:, 2] = 0
    expected = np.exp(-(3.0**2) / (2 * 10_000 * (2 * 0.026) ** 2))
    assert oks(moved(only_nose, 3), only_nose, AREA)[0, 0] == pytest.approx(expected)


def test_a_joint_not_found_costs_its_share(person):
    found = missing(person, "left_knee")
    assert oks(found, person, AREA)[0, 0] == pytest.approx(16 / 17)


def test_a_joint_not_annotated_costs_nothing(person):
    truth = missing(person, "left_knee")
    assert oks(person, truth, AREA)[0, 0] == pytest.approx(1)


def test_half_a_head_away_is_right_and_farther_is_wrong(person):
    head = np.array([20.0])
    assert pckh(moved(person, 9.99), person, head) == (17, 17)
    assert pckh(moved(person, 10.01), person, head) == (0, 17)


def test_everything_is_wrong_where_nobody_is_found(person):
    assert pckh(person[:0], person, np.array([20.0])) == (0, 17)
    assert oks(person[:0], person, AREA).shape == (1, 0)


def test_one_found_person_stands_for_one_true_person_only(person):
    twice = np.concatenate([person, person])
    assert pckh(person, twice, np.array([20.0, 20.0])) == (17, 34)


def test_the_most_similar_pair_is_matched_first():
    similarity = np.array([[0.8, 0.9], [0.0, 0.95], [0.0, 0.0]])
    np.testing.assert_array_equal(match_people(similarity), [0, 1, -1])


def test_precision_is_full_when_all_are_found_and_wrong_ones_are_less_sure():
    similarity = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    scores = np.array([0.9, 0.8, 0.1])
    assert oks_ap([similarity], [scores]) == pytest.approx(1)


def test_a_wrong_person_that_is_surest_halves_the_precision():
    similarity = np.array([[0.0, 1.0]])
    ap = average_precision([similarity], [np.array([0.9, 0.1])], threshold=0.5)
    assert ap == pytest.approx(0.5)


def test_a_missed_person_costs_recall():
    ap = average_precision(
        [np.ones((1, 1)), np.ones((1, 0))], [np.ones(1), np.ones(0)], threshold=0.5
    )
    assert ap == pytest.approx(51 / 101)


def test_precision_without_true_people_is_not_a_number():
    assert np.isnan(average_precision([np.ones((0, 1))], [np.ones(1)], threshold=0.5))
