import numpy as np
import pytest
from drawn_maps import draw_maps, standing

from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.decode import decode_people
from pose_lib.openpose.models import MOBILENET_THIN, MODELS, STRIDE
from pose_lib.openpose.views import View, halved, input_size, join_maps, prepare, views_of

PEOPLE = [standing(16, 18), standing(44, 20)]


def decoded(maps):
    config = OpenPoseConfig().decode
    people = decode_people(*maps, MOBILENET_THIN.limb_joints, config).keypoints
    return people[np.argsort(people[:, 1, 0])]


def maps_seen(view, scale):
    """Maps as an ideal network gives them for a view of PEOPLE, who are as large as the view."""
    height, width = view.height // STRIDE, view.width // STRIDE
    people = [(person + 0.5) * np.float32(scale) - np.float32(0.5) for person in PEOPLE]
    if view.mirrored:
        people = [np.float32([width - 1, 0]) - person * np.float32([1, -1]) for person in people]
        people = [person[MOBILENET_THIN.skeleton.mirror] for person in people]
    return draw_maps(people, height=height, width=width)


VIEW = View(512, 384)


def test_one_view_is_taken_as_it_is():
    maps = maps_seen(VIEW, 1)
    for joined, own in zip(join_maps([maps], [VIEW], MOBILENET_THIN), maps, strict=True):
        np.testing.assert_array_equal(joined, own)


@pytest.mark.parametrize(
    ("views", "scales"),
    [
        ([VIEW, View(512, 384, mirrored=True)], [1, 1]),
        ([VIEW, View(256, 192)], [1, 0.5]),
        ([VIEW, View(512, 384, True), View(384, 288), View(384, 288, True)], [1, 1, 0.75, 0.75]),
    ],
)
def test_averaged_views_show_the_same_people(views, scales):
    maps = [maps_seen(view, scale) for view, scale in zip(views, scales, strict=True)]
    found = decoded(join_maps(maps, views, MOBILENET_THIN))
    np.testing.assert_allclose(found[..., :2], PEOPLE, atol=0.35)


def test_what_was_filled_up_is_left_out():
    maps = draw_maps([], height=8, width=8)
    heatmaps, pafs = join_maps([maps], [View(48, 16)], MOBILENET_THIN)
    assert heatmaps.shape[1:] == pafs.shape[1:] == (2, 6)


def test_settings_say_which_views_there_are():
    config = OpenPoseConfig(scale_number=3, scale_gap=0.25, mirror=True)
    views = views_of(640, 480, config)
    assert [view.height for view in views] == [368, 368, 272, 272, 192, 192]
    assert [view.mirrored for view in views] == [False, True] * 3
    assert views_of(640, 480, OpenPoseConfig()) == [View(496, 368)]


def test_a_mirrored_view_is_the_mirrored_image():
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    np.testing.assert_array_equal(prepare(image, View(96, 64, mirrored=True)), image[:, ::-1])


def test_an_image_is_halved_while_it_stays_large_enough():
    image = np.zeros((1600, 2000, 3), np.uint8)
    assert halved(image, View(480, 368)).shape == (400, 500, 3)
    assert halved(image, View(2000, 1600)).shape == image.shape


def test_scaling_down_keeps_the_mean_of_fine_patterns():
    stripes = np.tile(np.uint8([0, 255]), 1024).reshape(1, 2048, 1).repeat(1024, 0).repeat(3, 2)
    assert np.all(abs(prepare(stripes, View(512, 256)).astype(int) - 127) <= 1)


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


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_mirroring_twice_changes_nothing(model):
    rng = np.random.default_rng(0)
    view = View(64, 64, mirrored=True)
    maps = tuple(
        rng.standard_normal((channels, 8, 8), np.float32)
        for channels in (len(model.skeleton) + 1, 2 * len(model.limbs))
    )
    twice = join_maps([join_maps([maps], [view], model)], [view], model)
    for before, after in zip(maps, twice, strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    "wrong",
    [
        {"input_height": 370},
        {"max_input_pixels": 1000},
        {"engine": "fast"},
        {"precision": "double"},
        {"scale_number": 0},
        {"scale_gap": 1.5},
        {"scale_number": 5},
    ],
)
def test_settings_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OpenPoseConfig(**wrong)
