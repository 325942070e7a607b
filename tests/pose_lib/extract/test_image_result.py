import cv2
import numpy as np
import pytest

from pose_lib.extract.image_result import at_full_size, extract_image, join_results
from pose_lib.extract_config import ExtractConfig
from pose_lib.images.decode import ImageTooLarge, UnreadableImage, decode_image
from pose_lib.keypoints import ImageStatus, People
from pose_lib.skeleton import COCO_18

PICTURE = np.zeros((40, 60, 3), np.uint8)


def detecting(n_people):
    def detect(_picture):
        return People(np.ones((n_people, 18, 3), np.float32), np.ones(n_people, np.float32))

    return detect


def raising(error):
    def do(*_arguments):
        raise error

    return do


def test_a_picture_with_people_is_ok_and_keeps_its_size():
    result = extract_image(lambda: PICTURE, detecting(2), COCO_18)
    assert (result.status, result.size, result.reason) == (ImageStatus.OK, (60, 40), "")
    assert len(result.people) == 2


def test_a_picture_without_people_is_data_too():
    result = extract_image(lambda: PICTURE, detecting(0), COCO_18)
    assert (result.status, result.size) == (ImageStatus.NO_PERSON, (60, 40))


def test_an_unreadable_picture_says_why():
    result = extract_image(raising(UnreadableImage("cut short")), detecting(1), COCO_18)
    assert (result.status, result.reason) == (ImageStatus.UNREADABLE, "cut short")


def test_a_picture_over_the_limit_is_failed_so_that_a_higher_limit_tries_it_again():
    result = extract_image(raising(ImageTooLarge("too large")), detecting(1), COCO_18)
    assert (result.status, result.reason) == (ImageStatus.FAILED, "too large")


def test_a_picture_that_the_detector_fails_on_does_not_take_others_along():
    result = extract_image(lambda: PICTURE, raising(RuntimeError("two\nlines")), COCO_18)
    assert (result.status, result.reason) == (ImageStatus.FAILED, "RuntimeError: two lines")


def test_people_of_several_images_are_joined_in_the_order_of_their_images():
    results = [extract_image(lambda: PICTURE, detecting(n), COCO_18) for n in (2, 0, 1)]
    keypoints = join_results(["a", "b", "c"], results, COCO_18)
    assert keypoints.image.tolist() == [0, 0, 2]
    assert keypoints.status.tolist() == [ImageStatus.OK, ImageStatus.NO_PERSON, ImageStatus.OK]


def test_no_images_give_an_empty_table():
    assert join_results([], [], COCO_18).n_images == 0


@pytest.mark.parametrize("option", ["images_per_shard", "images_per_batch", "max_pixels"])
def test_settings_that_make_no_sense_are_refused(option):
    with pytest.raises(ValueError, match=option):
        ExtractConfig(**{option: 0})


def test_people_of_a_reduced_picture_are_told_in_pixels_of_the_whole_one():
    small = extract_image(lambda: PICTURE, detecting(2), COCO_18)
    width, height = small.size
    whole = at_full_size(small, lambda size: (4 * size[0], 2 * size[1]))
    assert whole.size == (4 * width, 2 * height)
    left = whole.people.keypoints[..., :2] + 0.5  # a pixel's left edge, which scales
    np.testing.assert_allclose(
        left, (small.people.keypoints[..., :2] + 0.5) * [4, 2], rtol=1e-6, equal_nan=True
    )


@pytest.mark.parametrize("parts", [1, 2, 4, 8])
def test_a_joint_of_a_reduced_photograph_lies_where_it_does_in_the_whole_one(parts):
    x, y = np.meshgrid(np.arange(401), np.arange(97))  # no multiples of what is made one pixel
    spot = 255 * np.exp(-((x - 360) ** 2 + (y - 40) ** 2) / 200)
    content = cv2.imencode(".jpg", spot.astype(np.uint8))[1].tobytes()

    def read():
        return decode_image(content, min_side=96 // parts)

    assert read().shape[1] == -(-401 // parts)
    whole = at_full_size(extract_image(read, brightest, COCO_18), lambda _: (401, 97))
    np.testing.assert_allclose(whole.people.keypoints[0, 0, :2], (360, 40), atol=0.4)


def brightest(picture):
    """Find one person, all joints in the middle of what is bright."""
    light = np.where(picture[..., 0] > 30, picture[..., 0], 0).astype(float)
    y, x = (np.average(places, weights=light) for places in np.indices(light.shape))
    return People(np.full((1, 18, 3), (x, y, 1), np.float32), np.ones(1, np.float32))


def test_the_size_of_a_reduced_picture_without_people_is_that_of_the_whole_one():
    empty = extract_image(lambda: PICTURE, detecting(0), COCO_18)
    assert at_full_size(empty, lambda _: (640, 480)).size == (640, 480)


def test_a_picture_that_goes_away_meanwhile_is_failed_for_it_may_come_back():
    def gone(_):
        raise UnreadableImage("cannot be opened: gone")

    result = at_full_size(extract_image(lambda: PICTURE, detecting(2), COCO_18), gone)
    assert result.status is ImageStatus.FAILED
    assert result.reason == "cannot be opened: gone"
    assert not len(result.people)
