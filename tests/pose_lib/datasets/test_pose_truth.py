import numpy as np
import pytest

from pose_lib.datasets.pose_truth import read_pose_truth
from pose_lib.errors import InputError
from pose_lib.skeleton import BODY_15

NAMES = [name.replace("left_", "l").replace("right_", "r") for name in reversed(BODY_15.joints)]
N_POSES = 4


def arrays(**changes):
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(1, 2, (N_POSES, 25, 3)).astype(np.float32)
    noisy = keypoints.copy()
    noisy[0, 4] = 0
    joints3d = rng.normal(0, 300, (N_POSES, len(NAMES), 3)).astype(np.float32)
    whole = {
        "kp2d_body25": keypoints,
        "kp2d_body25_noisy": noisy,
        "joints3d_cam": joints3d,
        "joints": np.array(NAMES),
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def written(folder, **changes):
    path = folder / "truth.npz"
    np.savez(path, **arrays(**changes))
    return path


def test_joints_are_found_by_name_and_rooted_at_the_middle_of_the_hips(tmp_path):
    truth = read_pose_truth(written(tmp_path))
    given = arrays()["joints3d_cam"]
    hips = (given[:, NAMES.index("lhip")] + given[:, NAMES.index("rhip")]) / 2
    wrist = truth.joints3d[:, BODY_15.index("left_wrist")]
    np.testing.assert_allclose(wrist + hips, given[:, NAMES.index("lwrist")], rtol=1e-4, atol=1e-3)
    assert not truth.joints3d[:, BODY_15.index("pelvis")].any()


def test_the_neck_is_the_middle_of_the_shoulders(tmp_path):
    joints3d = read_pose_truth(written(tmp_path)).joints3d
    shoulders = joints3d[:, BODY_15.indices(("left_shoulder", "right_shoulder"))]
    np.testing.assert_allclose(joints3d[:, BODY_15.index("neck")], shoulders.mean(1), atol=1e-3)


def test_a_joint_without_confidence_is_missing(tmp_path):
    truth = read_pose_truth(written(tmp_path))
    assert np.isnan(truth.noisy[0, 4, :2]).all()
    assert np.isfinite(truth.clean).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kp2d_body25": None}, "lacks kp2d_body25"),
        ({"joints3d_cam": np.zeros((N_POSES, 3, 3))}, "joints3d_cam must hold"),
        ({"joints3d_cam": np.zeros((0,))}, "joints3d_cam must hold"),
        ({"joints3d_cam": np.array(3.0)}, "joints3d_cam must hold"),
        ({"joints3d_cam": np.full((N_POSES, 15, 3), np.nan)}, "no NaN"),
        ({"kp2d_body25": np.zeros((N_POSES, 18, 3))}, "kp2d_body25 must hold"),
        ({"kp2d_body25_noisy": np.zeros((N_POSES, 25, 3), int)}, "kp2d_body25_noisy must hold"),
        ({"joints": np.array(["x"] * len(NAMES))}, "no joint 'nose'"),
        ({"joints": np.array([{}] * len(NAMES), dtype=object)}, "cannot read"),
        ({"joints": np.array(3)}, "joints3d_cam must hold"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(tmp_path, changes, message):
    with pytest.raises(InputError, match=message) as refusal:
        read_pose_truth(written(tmp_path, **changes))
    assert "\n" not in str(refusal.value)
    assert "truth.npz" in str(refusal.value)
