import numpy as np
import pytest
from made_pictures import NAMES, truth_arrays, write_truth

from pose_lib.datasets.image_truth import read_picture_truth
from pose_lib.errors import InputError
from pose_lib.skeleton import BODY_15


def test_people_are_read_with_the_middles_of_their_hips_and_shoulders(tmp_path):
    truth = read_picture_truth(write_truth(tmp_path))
    assert truth.filename == ("a.jpg", "b.jpg", "nobody.jpg")
    assert truth.image.tolist() == [0, 0, 1]
    hips = truth.keypoints[:, BODY_15.indices(("left_hip", "right_hip")), :2].mean(1)
    np.testing.assert_allclose(truth.keypoints[:, BODY_15.index("pelvis"), :2], hips, atol=1e-3)
    assert not truth.joints3d[:, BODY_15.index("pelvis")].any()


def test_joints_outside_the_picture_are_missing_and_hidden_ones_are_told_apart(tmp_path):
    vis = truth_arrays()["vis"]
    vis[0, NAMES.index("left_hip")] = 0
    vis[1, NAMES.index("left_wrist")] = 1
    keypoints = read_picture_truth(write_truth(tmp_path, vis=vis)).keypoints
    for joint in ("left_hip", "pelvis"):
        assert np.isnan(keypoints[0, BODY_15.index(joint), :2]).all()
    assert keypoints[1, BODY_15.index("left_wrist"), 2] == 1
    assert (keypoints[2, :, 2] == 2).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vis": None}, "lacks vis"),
        ({"kp2d": np.zeros((3, 5, 2))}, "kp2d must hold"),
        ({"kp3d_cam_mm": np.full((3, len(NAMES), 3), np.nan)}, "kp3d_cam_mm must hold"),
        ({"vis": np.zeros((3, len(NAMES)), "U1")}, "vis must hold"),
        ({"image_index": np.array([0, 1, 3])}, "image_index must name one of 3"),
        ({"image_index": np.array([], int)}, "kp2d must hold"),
        ({"kp_names": np.array(["x", *NAMES[1:]])}, "kp_names lacks nose"),
        ({"files": np.array([{}], dtype=object)}, "cannot read"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(tmp_path, changes, message):
    with pytest.raises(InputError, match=message) as refusal:
        read_picture_truth(write_truth(tmp_path, **changes))
    assert "\n" not in str(refusal.value)
    assert "truth.npz" in str(refusal.value)


def test_a_truth_of_2d_poses_is_sent_to_its_own_command(tmp_path):
    np.savez(tmp_path / "truth.npz", kp2d_body25=np.zeros((1, 25, 3)))
    with pytest.raises(InputError, match="poselift evaluate lifter"):
        read_picture_truth(tmp_path / "truth.npz")
