import numpy as np
import pytest

from pose_lib.errors import InputError
from pose_lib.skeleton import (
    BODY_15,
    BODY_25,
    COCO_18,
    MPII_16,
    SKELETONS,
    Skeleton,
    mirrored_name,
    skeleton_named,
)


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_mirroring_twice_gives_the_same_order(skeleton):
    np.testing.assert_array_equal(skeleton.mirror[skeleton.mirror], np.arange(len(skeleton)))


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_the_bones_are_the_same_on_both_sides(skeleton):
    bones = {frozenset(bone) for bone in skeleton.bones}
    assert bones == {frozenset(map(mirrored_name, bone)) for bone in skeleton.bones}


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_the_number_in_a_skeletons_name_is_its_number_of_joints(skeleton):
    assert len(skeleton) == int(skeleton.name.split("_")[1])


def test_body_15_is_the_beginning_of_body_25():
    assert BODY_25.joints[:15] == BODY_15.joints


def test_known_places_of_published_orders():
    assert COCO_18.index("left_ear") == 17
    assert BODY_25.index("right_heel") == 24
    assert MPII_16.index("left_wrist") == 15


def test_an_unknown_joint_is_named_in_the_error():
    with pytest.raises(ValueError, match="BODY_15 has no joint 'tail'"):
        BODY_15.index("tail")


def test_a_skeleton_refuses_bones_between_joints_it_does_not_have():
    with pytest.raises(ValueError, match="unknown joints"):
        Skeleton("TWO_2", ("nose", "neck"), (("nose", "tail"),), source="test")


def test_an_unknown_skeleton_name_lists_the_known_ones():
    with pytest.raises(InputError, match="BODY_25"):
        skeleton_named("BODY_99")
