import numpy as np
import pytest
import torch
from drawn_maps import draw_maps, standing

from pose_lib.errors import InputError
from pose_lib.openpose.decode import DecodeConfig, decode_people
from pose_lib.openpose.models import CMU_BODY_25, CMU_COCO, CMU_MPI, MODELS, STRIDE, model_named
from pose_lib.openpose.weights.weight_files import unfilled_network
from pose_lib.skeleton import mirrored_name

models = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)

# Joint pairs, and the first PAF channel of each, in the order of OpenPose's poseParameters.cpp.
PUBLISHED_LIMBS = {
    CMU_COCO: (
        "1,2 1,5 2,3 3,4 5,6 6,7 1,8 8,9 9,10 1,11 11,12 12,13 1,0 0,14 14,16 0,15 15,17 2,16 5,17",
        "12 20 14 16 22 24 0 2 4 6 8 10 28 30 34 32 36 18 26",
    ),
    CMU_MPI: (
        "0,1 1,2 2,3 3,4 1,5 5,6 6,7 1,14 14,8 8,9 9,10 14,11 11,12 12,13",
        "0 2 4 6 8 10 12 14 16 18 20 22 24 26",
    ),
    CMU_BODY_25: (
        "1,8 1,2 1,5 2,3 3,4 5,6 6,7 8,9 9,10 10,11 8,12 12,13 13,14 1,0 0,15 15,17 0,16 16,18 "
        "2,17 5,18 14,19 19,20 14,21 11,22 22,23 11,24",
        "0 14 22 16 18 24 26 6 2 4 8 10 12 30 32 36 34 38 20 28 40 42 44 46 48 50",
    ),
}


@pytest.mark.parametrize("model", PUBLISHED_LIMBS, ids=lambda model: model.name)
def test_limbs_are_in_the_published_order(model):
    pairs, channels = (text.split() for text in PUBLISHED_LIMBS[model])
    expected = [[int(joint) for joint in pair.split(",")] for pair in pairs]
    limbs = model.limb_joints.tolist()
    assert [limbs[int(channel) // 2] for channel in channels] == expected
    assert len(limbs) == len(expected)


@models
def test_a_drawn_person_is_decoded_joint_by_joint(model):
    drawn = [standing(12, 18, model.skeleton), standing(40, 20, model.skeleton)]
    people = decode_people(*draw_maps(drawn, model=model), model.limb_joints, DecodeConfig())
    found = people.keypoints[np.argsort(people.keypoints[:, 0, 0])]
    np.testing.assert_allclose(found[..., :2], drawn, atol=0.05)


@models
def test_networks_give_the_maps_that_the_model_names(model):
    heatmaps, pafs = unfilled_network(model)(torch.empty(2, 3, 48, 64, device="meta"))
    assert heatmaps.shape == (2, len(model.skeleton) + 1, 48 // STRIDE, 64 // STRIDE)
    assert pafs.shape == (2, 2 * len(model.limbs), 48 // STRIDE, 64 // STRIDE)


@models
def test_limbs_hold_all_joints_together(model):
    reached, before = {"neck"}, set()
    while reached != before:
        before = set(reached)
        reached |= {joint for limb in model.limbs if reached & set(limb) for joint in limb}
    assert reached == set(model.skeleton.joints)


@models
def test_the_mirror_image_of_a_limb_is_a_limb(model):
    mirrored = {tuple(mirrored_name(joint) for joint in limb) for limb in model.limbs}
    assert mirrored == set(model.limbs)


def test_names_lead_to_models():
    assert all(model_named(model.name) is model for model in MODELS)
    with pytest.raises(InputError, match=r"'body_26'.*mobilenet_thin, coco_18, mpi_15, body_25"):
        model_named("body_26")
