import numpy as np
import pytest

from pose_lib.convert import conversion_matrix, convert_keypoints
from pose_lib.skeleton import BODY_15, BODY_25, COCO_17, COCO_18, MPII_16, SKELETONS


def people(skeleton, n_people=3, seed=0):
    keypoints = np.random.default_rng(seed).uniform(1, 100, (n_people, len(skeleton), 3))
    keypoints[..., 2] /= 100
    return keypoints.astype(np.float32)


@pytest.mark.parametrize("target", SKELETONS, ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("source", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_weights_of_a_joint_sum_to_one_or_to_nothing(source, target):
    sums = conversion_matrix(source, target).sum(1)
    assert set(sums.tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_conversion_to_itself_changes_nothing(skeleton):
    keypoints = people(skeleton)
    np.testing.assert_array_equal(convert_keypoints(keypoints, skeleton, skeleton), keypoints)


@pytest.mark.parametrize("source", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_converting_the_mirrored_person_mirrors_the_converted_one(source):
    keypoints = people(source)
    mirrored_first = convert_keypoints(keypoints[:, source.mirror], source, BODY_15)
    mirrored_last = convert_keypoints(keypoints, source, BODY_15)[:, BODY_15.mirror]
    np.testing.assert_allclose(mirrored_first, mirrored_last, rtol=1e-6)


@pytest.mark.parametrize("source", [BODY_25, COCO_18, COCO_17, MPII_16])
def test_every_detector_and_data_set_gives_the_whole_lifter_skeleton(source):
    assert np.isfinite(convert_keypoints(people(source), source, BODY_15)).all()


def test_the_pelvis_is_half_way_between_the_hips_and_as_sure_as_the_unsurer_one():
    keypoints = people(COCO_18)
    left, right = keypoints[:, COCO_18.index("left_hip")], keypoints[:, COCO_18.index("right_hip")]
    pelvis = convert_keypoints(keypoints, COCO_18, BODY_15)[:, BODY_15.index("pelvis")]
    np.testing.assert_allclose(pelvis[:, :2], (left[:, :2] + right[:, :2]) / 2, rtol=1e-6)
    np.testing.assert_allclose(pelvis[:, 2], np.minimum(left[:, 2], right[:, 2]))


def test_a_missing_hip_loses_the_pelvis_and_nothing_else():
    keypoints = people(COCO_18)
    keypoints[0, COCO_18.index("left_hip")] = np.nan, np.nan, 0
    converted = convert_keypoints(keypoints, COCO_18, BODY_15)
    lost = {BODY_15.joints[joint] for joint in np.flatnonzero(converted[0, :, 2] == 0)}
    assert lost == {"left_hip", "pelvis"}
    assert np.isfinite(converted[1:]).all()


def test_no_people_stay_no_people():
    assert convert_keypoints(people(COCO_18, 0), COCO_18, BODY_15).shape == (0, 15, 3)
