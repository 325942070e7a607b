import cv2
import numpy as np
import pytest

from benchmarks.keypoints import limb_joints_right, person_similarities
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.load import load_openpose
from pose_lib.skeleton import COCO_18


@pytest.fixture(scope="module")
def detector():
    return load_openpose(OpenPoseConfig(), threads=1)


@pytest.fixture(scope="module")
def seated(shared):
    """Two seated people, annotated by hand."""
    return cv2.imread(str(shared / "data/mpii/images/052475643.jpg"))


def test_limb_joints_of_the_mpii_people_are_found(detector, shared):
    right, annotated = limb_joints_right(detector, shared / "data/mpii/images")
    assert annotated == 46
    assert 100 * right / annotated >= 95


def test_coco_people_are_found_as_annotated(detector, shared):
    similarities = person_similarities(detector, shared / "data/images/mmpose/coco")
    assert len(similarities) == 12
    assert np.mean(similarities) >= 0.77


def test_a_larger_picture_gives_the_same_people_in_its_pixels(detector, seated):
    doubled = cv2.resize(seated, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    small, large = detector.detect(seated), detector.detect(doubled)
    assert len(small) == len(large) == 2
    distance = np.linalg.norm(large.keypoints[..., :2] / 2 - small.keypoints[..., :2], axis=-1)
    assert np.nanmedian(distance) < 1


def test_a_mirrored_picture_gives_mirrored_people(detector, seated):
    straight = detector.detect(seated).keypoints
    mirrored = detector.detect(seated[:, ::-1].copy()).keypoints[:, COCO_18.mirror]
    mirrored[..., 0] = seated.shape[1] - 1 - mirrored[..., 0]
    straight, mirrored = (
        k[np.argsort(k[:, COCO_18.index("neck"), 0])] for k in (straight, mirrored)
    )
    distance = np.linalg.norm(straight[..., :2] - mirrored[..., :2], axis=-1)
    assert np.nanmedian(distance) < 3  # of people 300 pixels tall
    assert abs(np.nanmedian(straight[..., 0] - mirrored[..., 0])) < 1  # no pull to one side


def test_the_same_picture_always_gives_the_same_people(detector, seated):
    first, again = detector.detect(seated), detector.detect(seated)
    np.testing.assert_array_equal(first.keypoints, again.keypoints)
    np.testing.assert_array_equal(first.score, again.score)


def test_people_are_sorted_and_their_values_are_in_range(detector, seated):
    people = detector.detect(seated)
    confidence = people.keypoints[..., 2]
    assert np.all((confidence >= 0) & (confidence <= 1))
    assert np.all(np.diff(people.score) <= 0)
    np.testing.assert_array_equal(confidence == 0, np.isnan(people.keypoints[..., 0]))
    assert people.keypoints.dtype == people.score.dtype == np.float32


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (300, 1), (120, 160)])
def test_pictures_without_anything_hold_nobody(detector, height, width, value):
    assert len(detector.detect(np.full((height, width, 3), value, np.uint8))) == 0


def test_a_very_wide_picture_is_detected_within_the_memory_bound(detector):
    assert len(detector.detect(np.zeros((1000, 12_000, 3), np.uint8))) == 0
