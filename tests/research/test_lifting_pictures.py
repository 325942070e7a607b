"""The pictures of docs/lifting.md: what they claim to show is so."""

import numpy as np
import pytest
import torch
from mpl_toolkits.mplot3d import Axes3D

from pose_lib.lifting.bones import BONE_NAMES, bone_vectors, joints_of
from pose_lib.plots.figures import png_bytes
from research.lifting_pictures import LEGS, RIGHT_ARM, mirror_ambiguity, seen_from, with_part_of

RNG = np.random.default_rng(0)


def a_pose():
    bones = torch.from_numpy(RNG.normal(size=(1, 12, 3)).astype(np.float32))
    return joints_of(bones)[0].numpy()


def bones_of(pose):
    return bone_vectors(torch.from_numpy(pose)[None])[0].numpy()


@pytest.mark.parametrize("part", [LEGS, RIGHT_ARM])
def test_lent_bones_are_the_others_and_the_rest_is_ones_own(part):
    one, other = a_pose(), a_pose()
    mixed, own, lent = bones_of(with_part_of(one, other, part)), bones_of(one), bones_of(other)
    taken = np.isin(BONE_NAMES, part)
    np.testing.assert_allclose(mixed[~taken], own[~taken], atol=1e-5)
    np.testing.assert_allclose(mixed[taken][:, 1], lent[taken][:, 1], atol=1e-5)  # as upright
    lengths = np.linalg.norm(mixed, axis=1), np.linalg.norm(lent, axis=1)
    np.testing.assert_allclose(lengths[0][taken], lengths[1][taken], atol=1e-5)


def test_lent_legs_face_the_way_that_the_borrower_does():
    one, other = a_pose(), a_pose()
    hips = [bones_of(pose)[0] for pose in (one, with_part_of(one, other, LEGS))]
    angles = [np.arctan2(hip[2], hip[0]) for hip in hips]
    assert angles[0] == pytest.approx(angles[1], abs=1e-5)


def test_whoever_borrows_from_themselves_stays_the_same():
    pose = a_pose()
    np.testing.assert_allclose(with_part_of(pose, pose, LEGS), pose, atol=1e-5)


def test_a_quarter_turn_shows_the_depth():
    pose = a_pose()
    turned = seen_from(pose, azimuth=90, pitch=0)
    np.testing.assert_allclose(turned, pose[:, [2, 1]], atol=1e-5)


def test_a_pose_and_its_mirror_image_look_the_same_from_the_camera_alone():
    figure = mirror_ambiguity(a_pose())
    png_bytes(figure)  # projects
    front, mirrored_front, side, mirrored_side = (
        np.sort(
            np.concatenate([line.get_xydata() for line in axes.lines if line.get_marker() == "o"]),
            0,
        )
        for axes in figure.axes
        if isinstance(axes, Axes3D)
    )
    np.testing.assert_allclose(front[:15], mirrored_front[:15], atol=1e-6)
    assert np.abs(side[:15] - mirrored_side[:15]).max() > 1e-3
