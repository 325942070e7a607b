"""People of a store as figures and as a page, with their pictures or without."""

import numpy as np

from pose_lib.keypoints import Keypoints
from pose_lib.lifting.lifter import LiftedPoses
from pose_lib.plots.gallery import overview_figure, person_figure, viewer_page
from pose_lib.skeleton import COCO_18

RED = np.full((80, 60, 3), (0, 0, 255), np.uint8)


def two_people(size=(60, 80)):
    keypoints = np.random.default_rng(0).uniform(5, 50, (2, 18, 3)).astype(np.float32)
    keypoints[..., 2] = 0.9
    return Keypoints(
        skeleton=COCO_18,
        filename=("red.jpg",),
        size=np.array([size]),
        status=np.array([1]),
        reason=("",),
        keypoints=keypoints,
        image=np.array([0, 0]),
        score=np.ones(2, np.float32),
    )


def lifted_people(seed):
    poses = np.random.default_rng(seed).normal(size=(2, 15, 3)).astype(np.float32)
    return LiftedPoses(poses, np.zeros((2, 15), bool), ("", ""), np.full((2, 15), np.float32(0.1)))


def words(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def shown_picture(figure):
    return figure.axes[0].images[0].get_array()


def test_one_model_gives_a_triptych_and_two_give_a_comparison():
    people = two_people()
    alone = person_figure(lambda _: RED, people, {"mine": lifted_people(1)}, 0)
    both = {"mine": lifted_people(1), "bundled": lifted_people(2)}
    beside = person_figure(lambda _: RED, people, both, 0)
    assert len(alone.axes) == 4  # photograph, 2D, 3D twice
    assert len(beside.axes) == 6  # photograph, 2D, 3D twice by each model
    captions = " ".join(text.get_text() for text in beside.texts)
    assert "mine" in captions
    assert "bundled" in captions


def test_the_photograph_is_shown_where_it_is_there():
    figure = person_figure(lambda _: RED, two_people(), {"mine": lifted_people(1)}, 0)
    corner = shown_picture(figure)[0, 0]
    np.testing.assert_array_equal(corner, [255, 0, 0])


def test_a_lost_photograph_is_white_and_large_enough_for_the_person():
    unknown_size = two_people(size=(0, 0))
    figure = person_figure(lambda _: None, unknown_size, {"mine": lifted_people(1)}, 0)
    picture = shown_picture(figure)
    np.testing.assert_array_equal(picture[0, 0], [255, 255, 255])
    drawn = np.argwhere((picture != 255).any(-1))
    assert np.ptp(drawn, axis=0).min() > 100  # of 640 pixels: nobody is cut down to a dot


def test_the_overview_and_the_page_show_those_who_were_chosen():
    people, chosen = two_people(), np.array([1])
    sheet = overview_figure(lambda _: RED, people, lifted_people(1), chosen)
    assert len(sheet.axes) == 2  # one person: photograph and 3D
    page = viewer_page(lambda _: RED, people, lifted_people(1), chosen)
    assert page.count('"name":') == 1
    assert "red.jpg" in page


def test_every_figure_and_the_page_show_the_error_to_expect():
    people, everybody = two_people(), np.array([0, 1])
    lifted = {"mine": lifted_people(1), "bundled": lifted_people(2)}
    alone = person_figure(lambda _: RED, people, {"mine": lifted["mine"]}, 0)
    beside = person_figure(lambda _: RED, people, lifted, 0)
    sheet = overview_figure(lambda _: RED, people, lifted["mine"], everybody)
    for figure in (alone, beside, sheet):
        assert "disc: expected joint error" in words(figure)
    page = viewer_page(lambda _: RED, people, lifted["mine"], everybody)
    assert page.count('"halos":[0.') == 2
