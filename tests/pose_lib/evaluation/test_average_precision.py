import numpy as np
import pytest

from pose_lib.evaluation.average_precision import Candidates, precision_recall


def image(similarity, score, *, ignored=(), crowd=()):
    similarity = np.array(similarity, float)
    rows = np.arange(len(similarity))
    return Candidates(
        similarity, np.array(score, float), np.isin(rows, (*ignored, *crowd)), np.isin(rows, crowd)
    )


def average_precision(*images):
    return precision_recall(images, threshold=0.5).average_precision


def test_precision_is_full_when_all_are_found_and_wrong_ones_are_less_sure():
    assert average_precision(image([[1, 0, 0], [0, 1, 0]], [0.9, 0.8, 0.1])) == pytest.approx(1)


def test_a_wrong_person_that_is_surest_halves_the_precision():
    assert average_precision(image([[0, 1]], [0.9, 0.1])) == pytest.approx(0.5)


def test_a_missed_person_costs_recall():
    result = precision_recall([image([[1]], [1]), image(np.ones((1, 0)), [])], threshold=0.5)
    assert result.average_precision == pytest.approx(51 / 101)
    assert result.recall == 0.5


def test_one_found_person_stands_for_one_true_person_only():
    assert precision_recall([image([[1], [1]], [1])], threshold=0.5).recall == 0.5


def test_finding_an_ignored_person_is_neither_right_nor_wrong():
    with_ignored = image([[1, 0], [0, 1]], [0.1, 0.9], ignored=[1])
    assert average_precision(with_ignored) == pytest.approx(1)
    twice = image([[1, 0, 0], [0, 1, 1]], [0.1, 0.9, 0.8], ignored=[1])
    assert average_precision(twice) == pytest.approx(0.5)


def test_a_crowd_may_be_found_many_times():
    many = image([[1, 0, 0], [0, 1, 1]], [0.1, 0.9, 0.8], crowd=[1])
    assert average_precision(many) == pytest.approx(1)


def test_a_person_who_counts_is_chosen_before_a_more_similar_ignored_one():
    assert average_precision(image([[0.6], [0.9]], [1], ignored=[1])) == pytest.approx(1)


def test_precision_without_true_people_is_not_a_number():
    assert np.isnan(average_precision(image(np.ones((0, 1)), [1])))


def test_a_crowd_that_counts_has_no_meaning():
    with pytest.raises(ValueError, match="crowd"):
        Candidates(np.ones((1, 1)), np.ones(1), np.array([False]), np.array([True]))
