import cv2
import numpy as np
import pytest

from benchmarks.keypoints import limb_joints_right, person_similarities
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.detector import load_detector
from pose_lib.openpose.views import View, input_size, prepare
from pose_lib.skeleton import COCO_18


@pytest.fixture(scope="module")
def detector():
    return load_detector(OpenPoseConfig(), threads=1)


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


@pytest.mark.parametrize("height", [1, 2, 37, 368, 1000, 65_000])
@pytest.mark.parametrize("width", [1, 3, 50, 656, 12_000, 65_000])
def test_the_network_input_is_bounded_and_divisible(height, width):
    config = OpenPoseConfig()
    input_width, input_height = input_size(width, height, config)
    assert 16 <= input_height <= config.input_height
    assert input_height % 16 == input_width % 16 == 0
    assert input_width * input_height <= config.max_input_pixels


def test_common_pictures_keep_their_proportions():
    for width, height in ((1280, 720), (640, 480), (1920, 1080), (1080, 1920), (500, 333)):
        input_width, input_height = input_size(width, height, OpenPoseConfig())
        assert input_height == 368
        assert input_width / input_height == pytest.approx(width / height, rel=0.04)


def test_values_of_a_picture_are_left_alone():
    image = np.full((200, 300, 3), (10, 20, 30), np.uint8)
    assert np.all(prepare(image, View(96, 64)) == (10, 20, 30))


@pytest.mark.parametrize("wrong", [{"input_height": 370}, {"max_input_pixels": 1000}])
def test_settings_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OpenPoseConfig(**wrong)
