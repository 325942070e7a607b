import numpy as np
import pytest

from pose_lib.convert import conversion_matrices, convert_keypoints
from pose_lib.datasets.mpii import read_mpii
from pose_lib.skeleton import BODY_15, BODY_25, COCO_17, COCO_18, MPI_15, MPII_16, SKELETONS


def people(skeleton, n_people=3, seed=0):
    keypoints = np.random.default_rng(seed).uniform(1, 100, (n_people, len(skeleton), 3))
    keypoints[..., 2] /= 100
    return keypoints.astype(np.float32)


@pytest.mark.parametrize("target", SKELETONS, ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("source", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_weights_of_a_joint_sum_to_one_or_to_nothing(source, target):
    sums = np.array(conversion_matrices(source, target)).sum(-1)
    assert set(sums.ravel().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_conversion_to_itself_changes_nothing(skeleton):
    keypoints = people(skeleton)
    np.testing.assert_array_equal(convert_keypoints(keypoints, skeleton, skeleton), keypoints)


@pytest.mark.parametrize("source", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_converting_the_mirrored_person_mirrors_the_converted_one(source):
    keypoints = people(source)
    for target in SKELETONS:
        mirrored_first = convert_keypoints(keypoints[:, source.mirror], source, target)
        mirrored_last = convert_keypoints(keypoints, source, target)[:, target.mirror]
        np.testing.assert_allclose(mirrored_first, mirrored_last, rtol=1e-4, atol=1e-4)


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


@pytest.mark.parametrize("source", [COCO_18, BODY_25, COCO_17], ids=lambda source: source.name)
def test_head_top_and_upper_neck_stand_above_the_neck_of_who_stands_upright(source):
    person = upright(source)
    top, neck = (at(person, source, joint) for joint in ("head_top", "upper_neck"))
    np.testing.assert_allclose(top[0], 50, atol=1e-3)
    np.testing.assert_allclose(neck[0], 50, atol=1e-3)
    assert top[1] < 20 < neck[1] < 40


@pytest.mark.parametrize("source", [COCO_18, BODY_25, COCO_17], ids=lambda source: source.name)
def test_the_head_top_is_made_of_what_was_found_of_the_head(source):
    ears = at(upright(source), source, "head_top")
    np.testing.assert_allclose(ears, [50, 40 - 1.625 * 20, 1], atol=1e-3)
    one_ear = at(upright(source, "left_ear"), source, "head_top")
    np.testing.assert_allclose(one_ear, [50, 22 - 3.375 * 4, 1], atol=1e-3)  # by eyes and nose
    profile = at(upright(source, "left_ear", "left_eye"), source, "head_top")
    np.testing.assert_allclose(profile, [50 - 1.625 * 5, 40 - 1.625 * 20, 1], atol=1e-3)
    faceless = upright(source, "left_ear", "right_ear", "left_eye")
    assert at(faceless, source, "head_top")[2] == 0


def test_without_a_nose_the_neck_stands_in_for_the_upper_neck():
    np.testing.assert_allclose(at(upright(COCO_18, "nose"), COCO_18, "upper_neck"), [50, 40, 1])


def test_the_nose_alone_gives_no_head_top():
    assert at(upright(BODY_15), BODY_15, "head_top")[2] == 0


def test_a_head_top_of_its_own_is_kept():
    keypoints = people(MPI_15)
    converted = convert_keypoints(keypoints, MPI_15, MPII_16)
    np.testing.assert_array_equal(
        converted[:, MPII_16.index("head_top")], keypoints[:, MPI_15.index("head_top")]
    )


def test_mpiis_nose_is_half_way_up_the_head():
    keypoints = people(MPII_16)
    nose = convert_keypoints(keypoints, MPII_16, COCO_18)[:, COCO_18.index("nose"), :2]
    ends = keypoints[:, MPII_16.indices(("upper_neck", "head_top")), :2]
    np.testing.assert_allclose(nose, ends.mean(1), rtol=1e-5)


def test_what_mpii_and_openpose_share_comes_back(shared):
    truth = read_mpii(shared / "data/mpii/annotations/mpii_train_full16.npz")
    there = convert_keypoints(truth, MPII_16, COCO_18)
    back = convert_keypoints(there, COCO_18, MPII_16)
    limbs = MPII_16.indices(tuple(sorted(set(MPII_16.joints) & set(COCO_18.joints))))
    np.testing.assert_array_equal(back[:, limbs], truth[:, limbs])
    head = 0.75 * np.linalg.norm(truth[:, 9, :2] - truth[:, 8, :2], axis=-1)
    off = np.linalg.norm(back - truth, axis=-1)[head > 0] / head[head > 0, None]
    near = dict(zip(MPII_16.joints, (off <= 0.5).mean(0), strict=True))
    assert near["thorax"] > 0.99
    assert near["pelvis"] > 0.99
    assert near["upper_neck"] > 0.95
    assert near["head_top"] == 0  # MPII knows neither eyes nor ears


def test_rendered_heads_end_where_the_head_top_stands_in(shared):
    with np.load(shared / "data/renders/truth.npz") as truth:
        joints, rig = truth["kp_names"].tolist(), truth["rig_names"].tolist()
        found = truth["kp2d"][:, [joints.index(joint) for joint in COCO_17.joints]]
        top = truth["rig2d"][:, rig.index("headtop")]
    keypoints = np.concatenate([found, np.ones_like(found[..., :1])], axis=-1)
    converted = convert_keypoints(keypoints, COCO_17, MPII_16)
    head_top, neck = (converted[:, MPII_16.index(j), :2] for j in ("head_top", "upper_neck"))
    off = np.linalg.norm(head_top - top, axis=-1) / (0.75 * np.linalg.norm(top - neck, axis=-1))
    assert (off <= 0.5).mean() > 0.9


def test_no_people_stay_no_people():
    assert convert_keypoints(people(COCO_18, 0), COCO_18, BODY_15).shape == (0, 15, 3)


def upright(skeleton, *missing):
    """Someone who faces the viewer: ears at 20, eyes above the nose, shoulders at 40."""
    places = {"nose": (50, 22), "neck": (50, 40), "left_shoulder": (60, 40)}
    places |= {"right_shoulder": (40, 40), "left_eye": (52, 18), "right_eye": (48, 18)}
    places |= {"left_ear": (55, 20), "right_ear": (45, 20)}
    person = np.tile(np.array([np.nan, np.nan, 0], np.float32), (1, len(skeleton), 1))
    for joint, xy in places.items():
        if joint in skeleton.joints and joint not in missing:
            person[0, skeleton.index(joint)] = *xy, 1
    return person


def at(person, source, joint):
    return convert_keypoints(person, source, MPII_16)[0, MPII_16.index(joint)]
