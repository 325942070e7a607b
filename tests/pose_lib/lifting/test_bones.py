import numpy as np
import pytest
import torch
from made_people import TABLE, photographed, walking_bones

from pose_lib.errors import InputError
from pose_lib.lifting.bones import (
    BONE_NAMES,
    SPINE_LENGTH,
    bone_vectors,
    depth_bound,
    estimate_scale,
    joints_of,
    measure_bone_lengths,
    mirrored_bones,
)
from pose_lib.skeleton import BODY_15


def test_joints_and_bones_hold_the_same_pose(rng):
    bones = torch.randn(5, 12, 3, generator=rng)
    torch.testing.assert_close(bone_vectors(joints_of(bones)), bones)


def test_every_bone_moves_some_joint_and_the_pelvis_stays(rng):
    for bone in range(len(BONE_NAMES)):
        bones = torch.zeros(1, 12, 3)
        bones[0, bone] = 1
        joints = joints_of(bones)
        assert joints.abs().sum() > 0
        assert not joints[0, BODY_15.index("pelvis")].any()


def test_mirrored_bones_are_the_bones_of_the_mirrored_joints(rng):
    bones = torch.randn(5, 12, 3, generator=rng)
    mirrored = joints_of(bones)[:, BODY_15.mirror] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(mirrored_bones(bones), bone_vectors(mirrored))


def test_a_bone_reaches_as_far_into_depth_as_it_looks_short():
    bones = torch.zeros(1, 12, 2)
    bones[0, 0, 0], bones[0, 1, 0], bones[0, 2, 0] = 1.05, 0.63, 2.0
    bound = depth_bound(bones)[0]
    torch.testing.assert_close(bound[:4], torch.tensor([0.01, 0.84, 0.01, 1.05]))


def test_the_size_of_a_person_comes_from_the_bones_least_foreshortened():
    lengths = 3 * TABLE[None].clone()
    lengths[:, 6:] *= 0.2
    assert estimate_scale(lengths, TABLE[None], longest=3).item() == pytest.approx(3)


def test_a_person_without_any_bone_has_no_size():
    nothing = torch.full((1, 12), torch.nan)
    assert estimate_scale(nothing, TABLE[None], longest=3).item() == 0


def test_proportions_are_measured_on_pictures_alone(rng):
    poses = photographed(walking_bones(2000, rng), rng)
    measured = measure_bone_lengths(torch.from_numpy(poses[..., :2]))
    assert measured[BONE_NAMES.index("spine")] == pytest.approx(SPINE_LENGTH)
    np.testing.assert_allclose(measured, TABLE, rtol=0.15)


def test_the_measure_knows_neither_pixels_nor_missing_joints(poses, holes):
    whole = measure_bone_lengths(torch.from_numpy(poses[..., :2]))
    larger = measure_bone_lengths(torch.from_numpy(7 * poses[..., :2] + 3))
    torch.testing.assert_close(whole, larger, rtol=1e-3, atol=0)
    torch.testing.assert_close(
        whole, measure_bone_lengths(torch.from_numpy(holes[..., :2])), rtol=0.1, atol=0
    )


def test_a_bone_that_is_hardly_ever_seen_cannot_be_measured(poses):
    upper_bodies = torch.from_numpy(poses[..., :2].copy())
    upper_bodies[10:, BODY_15.index("left_ankle")] = torch.nan
    with pytest.raises(InputError, match="left shin is seen in 10 of 400"):
        measure_bone_lengths(upper_bodies)
