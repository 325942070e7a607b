"""Stores of a few made-up people against annotations, where every figure can be told by hand."""

import numpy as np
import pytest

from pose_lib.annotations import Annotations
from pose_lib.convert import convert_keypoints
from pose_lib.errors import InputError
from pose_lib.evaluation.keypoint_report import score_keypoints
from pose_lib.keypoints import Keypoints
from pose_lib.skeleton import BODY_25, COCO_17, COCO_18, H36M_17, MPI_15, MPII_16, Skeleton

HEAD = 20.0


def standing(skeleton, left=0.0):
    """One person of the skeleton whose joints lie 30 pixels apart from each other."""
    places = np.arange(len(skeleton), dtype=np.float32)
    return np.stack([left + 30 * (places % 5), 30 * (places // 5), np.ones_like(places)], axis=-1)


def annotations(people, image, *, skeleton=MPII_16, names=("a.jpg", "b.jpg"), **facts):
    n_people = len(people)
    unknown = {name: np.full(n_people, np.nan) for name in ("scale", "area", "head_size")}
    unknown["center"] = np.full((n_people, 2), np.nan)
    return Annotations(
        skeleton=skeleton,
        filename=names,
        image=np.array(image, int),
        keypoints=np.array(people, np.float32).reshape(-1, len(skeleton), 3),
        visible=np.ones((n_people, len(skeleton)), bool),
        **(unknown | facts),
    )


def store(people, image, *, skeleton=MPII_16, names=("a.jpg", "b.jpg"), score=None):
    n_images, n_people = len(names), len(people)
    return Keypoints(
        skeleton=skeleton,
        filename=names,
        size=np.full((n_images, 2), 500),
        status=np.ones(n_images, int),
        reason=("",) * n_images,
        keypoints=np.array(people, np.float32).reshape(-1, len(skeleton), 3),
        image=np.array(image, int),
        score=np.ones(n_people, np.float32) if score is None else np.array(score, np.float32),
    )


@pytest.fixture
def truth():
    """Two people in the first image and one in the second, of known head size."""
    people = [standing(MPII_16), standing(MPII_16, 250), standing(MPII_16)]
    return annotations(people, [0, 0, 1], head_size=np.full(3, HEAD))


def test_people_found_as_annotated_are_wholly_right(truth):
    figures = score_keypoints(store(truth.keypoints[[1, 0, 2]], truth.image), truth).figures()
    assert (figures["people"], figures["found"], figures["false_positives"]) == (3, 3, 0)
    assert figures["pckh50"] == figures["pckh_auc"] == 1
    assert np.isnan(figures["oks_ap"])  # for no area is known


def test_a_person_not_found_is_wrong_in_every_joint(truth):
    report = score_keypoints(store(truth.keypoints[:2], [0, 0]), truth)
    figures = report.figures()
    assert (figures["found"], figures["pckh50"]) == (2, pytest.approx(2 / 3))
    assert [joint.pckh50 for joint in report.per_joint] == pytest.approx([2 / 3] * 16)
    assert [match.filename for match in report.worst(12)] == ["b.jpg", "a.jpg"]


def test_a_joint_not_found_is_wrong(truth):
    found = truth.keypoints.copy()
    found[:, MPII_16.index("left_knee")] = np.nan, np.nan, 0
    report = score_keypoints(store(found, truth.image), truth)
    assert report.figures()["pckh50"] == pytest.approx(15 / 16)
    knee = next(joint for joint in report.per_joint if joint.joint == "left_knee")
    assert (knee.annotated, knee.found, knee.pckh50) == (3, 0, 0)


def test_a_person_found_nowhere_near_is_a_false_positive(truth):
    people = [*truth.keypoints, standing(MPII_16, 3000)]
    figures = score_keypoints(store(people, [0, 0, 1, 1]), truth).figures()
    assert (figures["found"], figures["false_positives"], figures["pckh50"]) == (3, 1, 1)


@pytest.mark.parametrize(
    ("skeleton", "n_joints"), [(COCO_18, 12), (BODY_25, 13), (MPI_15, 13), (MPII_16, 16)]
)
def test_joints_of_the_same_name_are_scored_whatever_the_skeleton(truth, skeleton, n_joints):
    found = convert_keypoints(truth.keypoints, MPII_16, skeleton)
    report = score_keypoints(store(found, truth.image, skeleton=skeleton), truth)
    assert len(report.scored) == n_joints
    assert report.figures()["pckh50"] == 1


def test_head_sizes_are_measured_where_none_is_annotated(truth):
    unknown = annotations(truth.keypoints, truth.image)
    figures = score_keypoints(store(truth.keypoints, truth.image), unknown).figures()
    assert (figures["head_sizes_measured"], figures["pckh50"]) == (3, 1)


def test_people_without_annotated_joints_and_crowds_need_not_be_found():
    empty = np.tile([np.nan, np.nan, 0], (17, 1))
    people = [standing(COCO_17), empty, standing(COCO_17, 250)]
    truth = annotations(
        people,
        [0, 0, 1],
        skeleton=COCO_17,
        area=np.full(3, 10_000.0),
        box=np.array([[0, 0, 120, 90], [400, 400, 50, 50], [250, 0, 120, 90]], float),
        crowd=np.array([False, False, True]),
    )
    near_the_empty = standing(COCO_17, 380) + np.array([0, 400, 0])
    found = store([people[0], near_the_empty, people[2], people[2]], [0, 0, 1, 1], skeleton=COCO_17)
    figures = score_keypoints(found, truth).figures()
    counts = ("people", "ignored", "found", "false_positives")
    assert [figures[name] for name in counts] == [1, 2, 1, 0]
    assert (figures["oks_ap"], figures["mean_oks"]) == pytest.approx((1, 1))
    assert np.isnan(figures["pckh50"])  # for no head size is known


def test_annotated_images_that_are_not_in_the_store_are_named_and_do_not_count(truth):
    report = score_keypoints(store(truth.keypoints[:2], [0, 0], names=("x/a.jpg", "c.jpg")), truth)
    assert report.images_missing == ("b.jpg",)
    assert (report.figures()["images"], report.figures()["pckh50"]) == (1, 1)


def test_a_store_of_other_images_is_refused(truth):
    with pytest.raises(InputError, match=r"none of the 2 .*first: a\.jpg.*first: c\.jpg"):
        score_keypoints(store(truth.keypoints[:1], [0], names=("c.jpg",)), truth)


def test_annotations_by_which_nobody_can_be_scored_are_refused():
    truth = annotations([standing(COCO_17)], [0], skeleton=COCO_17)
    with pytest.raises(InputError, match="nobody can be scored in the 2 annotated images"):
        score_keypoints(store([standing(COCO_17)], [0], skeleton=COCO_17), truth)


def test_a_store_without_a_common_joint_is_refused(truth):
    tail = Skeleton("TAIL", ("tail",), (), "none")
    with pytest.raises(InputError, match="no joint of TAIL"):
        score_keypoints(store(np.ones((1, 1, 3)), [0], skeleton=tail), truth)


def test_a_joint_without_a_sigma_is_refused_where_similarity_is_asked_for():
    truth = annotations([standing(H36M_17)], [0], skeleton=H36M_17, area=np.full(1, 100.0))
    with pytest.raises(InputError, match="no sigma is known for pelvis, spine"):
        score_keypoints(store([standing(H36M_17)], [0], skeleton=H36M_17), truth)


def test_an_image_without_counted_people_has_no_score(truth):
    nobody = annotations(truth.keypoints[:2], [0, 0], head_size=np.full(2, HEAD))
    report = score_keypoints(store(truth.keypoints, truth.image), nobody)
    assert [match.filename for match in report.worst(12)] == ["a.jpg"]
    assert report.figures()["false_positives"] == 1
