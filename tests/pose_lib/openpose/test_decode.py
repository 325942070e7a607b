import hypothesis.strategies as st
import numpy as np
import pytest
from drawn_maps import HEIGHT, LIMBS, WIDTH, draw_maps, standing
from hypothesis import given, settings

from pose_lib.openpose.decode import DecodeConfig, decode_people, find_peaks, sample_pafs
from pose_lib.openpose.models import MOBILENET_THIN
from pose_lib.skeleton import COCO_18, mirrored_name

CONFIG = DecodeConfig()


def decode(heatmaps, pafs):
    return decode_people(heatmaps, pafs, MOBILENET_THIN.limb_joints, CONFIG)


def decoded(people):
    found = decode(*draw_maps(people))
    return found.keypoints[np.argsort(found.keypoints[:, COCO_18.index("neck"), 0])]


def assert_same_people(found, people, *, cells=0.05):
    """The people are those expected, from left to right, to a fraction of a cell."""
    assert len(found) == len(people)
    expected = np.array(sorted(people, key=lambda person: person[COCO_18.index("neck"), 0]))
    np.testing.assert_allclose(found[..., :2], expected, atol=cells)


def test_empty_maps_hold_nobody():
    assert len(decode(*draw_maps([]))) == 0


def test_a_single_person_is_found_where_they_are():
    assert_same_people(decoded([standing(30, 20)]), [standing(30, 20)])


@settings(deadline=None, max_examples=25)
@given(x=st.floats(8, WIDTH - 9), y=st.floats(14, HEIGHT - 17))
def test_moving_a_person_moves_their_joints(x, y):
    assert_same_people(decoded([standing(x, y)]), [standing(x, y)])


@pytest.mark.parametrize("n_people", [2, 5, 12])
def test_people_side_by_side_stay_apart(n_people):
    people = [standing(8 + 13 * i + 0.3 * i % 1, 18 + i % 3) for i in range(n_people)]
    found = decode(*draw_maps(people, width=13 * n_people + 8)).keypoints
    assert_same_people(found[np.argsort(found[:, COCO_18.index("neck"), 0])], people)


def test_a_crowd_is_decoded_block_by_block():
    alone = draw_maps([standing(8, 14)], height=32, width=17)
    crowd = [np.tile(maps, (1, 8, 9)) for maps in alone]
    found = decode(*crowd).keypoints
    assert len(found) == 8 * 9
    np.testing.assert_allclose(
        found[..., 0] % 17, np.tile(standing(8, 14)[:, 0], (72, 1)), atol=0.05
    )
    np.testing.assert_allclose(
        found[..., 1] % 32, np.tile(standing(8, 14)[:, 1], (72, 1)), atol=0.05
    )


def test_overlapping_people_keep_their_own_limbs():
    people = [standing(25, 18), standing(29.5, 20.5)]
    assert_same_people(decoded(people), people, cells=0.3)


def test_a_person_cut_by_the_border_keeps_the_joints_inside():
    person = standing(30, 38)
    inside = person[:, 1] <= HEIGHT - 1
    assert 0 < inside.sum() < len(COCO_18)
    person[~inside] = np.nan
    (found,) = decoded([person])
    np.testing.assert_array_equal(found[:, 2] > 0, inside)
    np.testing.assert_allclose(found[inside, :2], person[inside], atol=0.3)


def test_a_joint_on_the_corner_cell_is_found():
    heatmaps, _ = draw_maps([])
    heatmaps[3, 0, 0] = heatmaps[5, HEIGHT - 1, WIDTH - 1] = 0.9
    peaks = find_peaks(heatmaps[:-1], 0.1)
    np.testing.assert_array_equal(peaks.joint, [3, 5])
    np.testing.assert_allclose(peaks.xy, [[0, 0], [WIDTH - 1, HEIGHT - 1]], atol=0.5)


def test_a_mirrored_picture_gives_mirrored_people():
    heatmaps, pafs = draw_maps([standing(20, 18), standing(40, 22)])
    mirrored_limbs = [LIMBS.index(tuple(mirrored_name(joint) for joint in limb)) for limb in LIMBS]
    mirrored_heatmaps = heatmaps[[*COCO_18.mirror, len(COCO_18)]][..., ::-1].copy()
    mirrored_pafs = pafs.reshape(-1, 2, HEIGHT, WIDTH)[mirrored_limbs][..., ::-1].copy()
    mirrored_pafs[:, 0] *= -1

    straight = decode(heatmaps, pafs).keypoints
    mirrored = decode(mirrored_heatmaps, mirrored_pafs.reshape(pafs.shape)).keypoints
    back = mirrored[:, COCO_18.mirror]
    back[..., 0] = WIDTH - 1 - back[..., 0]
    by_place = [people[np.argsort(people[:, 0, 0])] for people in (straight, back)]
    np.testing.assert_allclose(by_place[0], by_place[1], atol=1e-4)


def test_missing_joints_are_missing_and_lower_the_score():
    whole, part = standing(15, 18), standing(45, 18)
    part[COCO_18.indices(("left_knee", "left_ankle"))] = np.nan
    people = decode(*draw_maps([part, whole]))
    knee = COCO_18.index("left_knee")
    np.testing.assert_array_equal(people.keypoints[:, knee, 2] > 0, [True, False])
    assert np.isnan(people.keypoints[1, knee, :2]).all()
    assert people.score[0] > people.score[1]


def test_a_person_who_fills_the_picture_is_found():
    person = (standing(0, 0) - [0, 2]) * 1.5 + [30, HEIGHT / 2]
    assert_same_people(decoded([person]), [person], cells=0.1)


@pytest.mark.parametrize(("strength", "joined"), [(0.05, False), (0.6, True)])
def test_only_a_sure_field_joins_joints_far_apart(strength, joined):
    left, right = standing(8, 18), np.full((len(COCO_18), 2), np.nan)
    left[COCO_18.indices(("left_shoulder", "left_elbow", "left_wrist", "left_ear"))] = np.nan
    shoulder = COCO_18.index("left_shoulder")
    right[shoulder] = 28, 11
    heatmaps, pafs = draw_maps([left, right])
    field = 2 * LIMBS.index(("neck", "left_shoulder"))
    pafs[field, 10:13, 8:29] = strength
    (found,) = decode_people(
        heatmaps, pafs, MOBILENET_THIN.limb_joints, DecodeConfig(paf_threshold=0.01)
    ).keypoints
    assert (found[shoulder, 2] > 0) == joined


def test_of_equally_sure_limbs_the_shorter_one_is_taken():
    person, other = standing(20, 18), np.full((len(COCO_18), 2), np.nan)
    wrist = COCO_18.index("left_wrist")
    other[wrist] = person[wrist] + [0, 6]
    heatmaps, pafs = draw_maps([person, other])
    elbow = person[COCO_18.index("left_elbow")]
    field = 2 * LIMBS.index(("left_elbow", "left_wrist"))
    below = (other[wrist] - elbow) / np.linalg.norm(other[wrist] - elbow)
    pafs[field : field + 2] = below[:, None, None]  # in favor of the farther wrist
    (found,) = decode(heatmaps, pafs).keypoints
    np.testing.assert_allclose(found[wrist, :2], person[wrist], atol=0.05)


def test_the_two_ends_of_nobodys_limb_are_not_joined():
    people = [standing(15, 18), standing(45, 18)]
    for person, side in zip(people, ("left_", "right_"), strict=True):
        hidden = [joint for joint in COCO_18.joints if joint.startswith(side)]
        person[COCO_18.indices(tuple(hidden))] = np.nan
    assert_same_people(decoded(people), people)


def test_a_handful_of_stray_joints_is_nobody():
    person = standing(30, 20)
    person[3:] = np.nan
    assert len(decoded([person])) == 0


def test_confidence_does_not_depend_on_where_between_cells_a_joint_lies():
    for x in (20, 20.25, 20.5):
        heatmaps, _ = draw_maps([standing(x, 20)])
        np.testing.assert_allclose(find_peaks(heatmaps[:-1], 0.1).confidence, 1, atol=0.02)


def test_of_a_plateau_one_cell_counts():
    heatmaps = np.zeros((1, 8, 8), dtype=np.float32)
    heatmaps[0, 3:5, 3:5] = 0.7
    assert len(find_peaks(heatmaps, 0.1)) == 1


def test_fields_are_read_between_the_cells_and_at_the_border():
    pafs = np.zeros((38, 4, 5), dtype=np.float32)
    pafs[4], pafs[5] = np.mgrid[:4, :5][::-1]  # limb 2 holds its own x and y
    points = np.array([[[0, 0], [1.25, 2.5], [4, 3], [9, -2]]], dtype=np.float32)
    read = sample_pafs(pafs, np.array([2]), points)
    np.testing.assert_allclose(read[0], [[0, 0], [1.25, 2.5], [4, 3], [4, 0]], atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 2), (1, 40), (40, 1)])
def test_maps_of_any_size_are_decoded(height, width):
    heatmaps = np.ones((19, height, width), dtype=np.float32)
    assert len(decode(heatmaps, np.zeros((38, height, width), np.float32))) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"joint_threshold": 0.0},
        {"paf_samples": 1},
        {"paf_threshold": -3.0},
        {"min_agreement": 7.0},
        {"min_joints": 0},
        {"min_score": 1.0},
    ],
)
def test_thresholds_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DecodeConfig(**wrong)
