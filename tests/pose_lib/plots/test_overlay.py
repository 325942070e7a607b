import cv2
import numpy as np
import pytest

from pose_lib.keypoints import People
from pose_lib.plots.overlay import draw_people
from pose_lib.plots.palette import OTHERS_COLOR, PERSON_COLORS, SIDE_COLORS, bgr, bone_side
from pose_lib.skeleton import BODY_15, COCO_17, SKELETONS

GRAY = np.full((200, 160, 3), 128, np.uint8)


def people(*missing, confidence=1.0, n_people=1):
    """Standing people whose joints lie on a grid, far enough apart to look at one by one."""
    keypoints = np.full((n_people, 15, 3), np.nan, np.float32)
    keypoints[..., 2] = 0
    for joint, name in enumerate(BODY_15.joints):
        if name not in missing:
            keypoints[:, joint] = 30 + 25 * (joint % 5), 40 + 50 * (joint // 5), confidence
    return People(keypoints, np.ones(n_people, np.float32))


def color_at(picture, people, joint):
    x, y = people.keypoints[0, BODY_15.index(joint), :2].astype(int)
    return tuple(picture[y, x].tolist())


def test_nobody_leaves_the_picture_as_it_is():
    nobody = People(np.zeros((0, 15, 3), np.float32), np.zeros(0, np.float32))
    np.testing.assert_array_equal(draw_people(GRAY, nobody, BODY_15), GRAY)


def test_the_picture_given_is_not_drawn_on():
    image = GRAY.copy()
    assert np.any(draw_people(image, people(), BODY_15) != GRAY)
    np.testing.assert_array_equal(image, GRAY)


def test_only_pixels_near_a_bone_change():
    someone = people()
    near = np.zeros(GRAY.shape[:2], np.uint8)
    for parent, child in BODY_15.bone_indices:
        ends = someone.keypoints[0, [parent, child], :2].astype(int).tolist()
        cv2.line(near, *ends, 255, 17)
    changed = np.any(draw_people(GRAY, someone, BODY_15, line_width=3.0) != GRAY, axis=-1)
    assert changed.sum() > 500
    assert not np.any(changed & (near == 0))


@pytest.mark.parametrize(
    ("joint", "side"), [("left_knee", "left"), ("right_wrist", "right"), ("nose", "middle")]
)
def test_a_sure_joint_has_the_color_of_its_side(joint, side):
    picture = draw_people(GRAY, people(), BODY_15, line_width=4.0)
    assert color_at(picture, people(), joint) == bgr(SIDE_COLORS[side])


def test_the_mirrored_person_swaps_the_colors():
    someone = people()
    mirrored = People(someone.keypoints[:, BODY_15.mirror], someone.score)
    picture = draw_people(GRAY, mirrored, BODY_15, line_width=4.0)
    assert color_at(picture, someone, "left_knee") == bgr(SIDE_COLORS["right"])


def test_a_missing_joint_and_its_bones_are_not_drawn():
    whole, armless = people(), people("left_wrist")
    picture = draw_people(GRAY, armless, BODY_15)
    assert color_at(picture, whole, "left_wrist") == (128, 128, 128)
    kept = whole.keypoints.copy()
    kept[0, BODY_15.index("left_wrist"), 2] = 0  # as in files that write 0 confidence beside x, y
    np.testing.assert_array_equal(draw_people(GRAY, People(kept, whole.score), BODY_15), picture)


def test_a_joint_shows_fainter_the_less_sure_it_is():
    def change(confidence):
        picture = draw_people(GRAY, people(confidence=confidence), BODY_15)
        return np.abs(picture.astype(int) - 128).sum()

    assert change(0.05) < change(0.2) < change(0.4) < change(0.9)


def test_each_of_several_people_has_an_outline_of_their_own():
    two = people(n_people=2)
    two.keypoints[1, :, 1] += 20  # drawn between the rows of the first
    picture = draw_people(GRAY, two, BODY_15, line_width=6.0)
    for color in PERSON_COLORS[:2]:
        assert np.any(np.all(picture == bgr(color), axis=-1))


def test_who_is_not_chosen_is_grey_and_below_who_is():
    two = people(n_people=2)
    two.keypoints[1, :, 1] += 20
    picture = draw_people(GRAY, two, BODY_15, chosen=np.array([False, True]), line_width=4.0)
    assert color_at(picture, two, "left_knee") == bgr(OTHERS_COLOR)
    alone = People(two.keypoints[1:], two.score[1:])
    assert color_at(picture, alone, "left_knee") == bgr(SIDE_COLORS["left"])
    assert np.any(np.all(picture == bgr(PERSON_COLORS[0]), axis=-1))  # as if they were alone

    same_place = people(n_people=2)
    picture = draw_people(GRAY, same_place, BODY_15, chosen=np.array([True, False]))
    assert color_at(picture, same_place, "left_knee") == bgr(SIDE_COLORS["left"])


def test_nobody_chosen_is_everybody_grey():
    picture = draw_people(GRAY, people(), BODY_15, chosen=np.array([False]), line_width=4.0)
    assert color_at(picture, people(), "right_wrist") == bgr(OTHERS_COLOR)


def test_a_joint_outside_the_picture_is_no_error():
    someone = people()
    someone.keypoints[0, 0, :2] = -5000, 90_000
    assert draw_people(GRAY, someone, BODY_15).shape == GRAY.shape


def test_a_bone_across_the_body_belongs_to_the_middle():
    assert bone_side(("left_hip", "right_hip")) == "middle"
    assert bone_side(("neck", "left_hip")) == "left"
    assert {bone_side(bone) for bone in COCO_17.bones} == {"left", "right", "middle"}


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_every_skeleton_has_as_many_left_bones_as_right_ones(skeleton):
    sides = [bone_side(bone) for bone in skeleton.bones]
    assert sides.count("left") == sides.count("right") > 0
