"""Human3.6M and MPI-INF-3DHP, from files of their structure."""

import sys

import numpy as np
import pytest
from made_benchmarks import PLACES, camera, write_h36m, write_mpi_3dhp

from pose_lib.datasets.h36m import read_h36m_truth
from pose_lib.datasets.mpi_inf_3dhp import read_mpi_3dhp_truth
from pose_lib.datasets.truth_reader import read_lifter_truth
from pose_lib.errors import InputError
from pose_lib.skeleton import BODY_15, H36M_17

N_FRAMES = 8


def test_the_two_test_subjects_are_read_in_every_camera(tmp_path):
    truth, poses2d, _ = write_h36m(tmp_path)
    known = read_h36m_truth(truth, poses2d)
    assert len(known.poses) == 2 * len(PLACES) * 3 * N_FRAMES
    assert dict(known.facts) == {"subjects": ["S9", "S11"]}
    assert np.isfinite(known.poses).all()


def test_both_takes_of_an_action_are_one_group_under_its_usual_name(tmp_path):
    truth, poses2d, _ = write_h36m(tmp_path)
    known = read_h36m_truth(truth, poses2d)
    of_action = {name: known.group.count(name) for name in set(known.group)}
    assert of_action == {"Walking": 4 * 2 * N_FRAMES, "Photo": 4 * N_FRAMES}


def test_the_world_is_turned_into_the_frame_of_a_camera_that_no_file_holds(tmp_path):
    truth, poses2d, world = write_h36m(tmp_path)
    known = read_h36m_truth(truth, poses2d)
    rotation, _ = camera(np.array(PLACES[0]))
    walking = 1000 * world["S9"]["Walking 1"] @ rotation.T
    hips = walking[:, H36M_17.indices(("left_hip", "right_hip"))].mean(1)
    for joint in ("left_wrist", "right_knee", "nose"):
        rooted = walking[:, H36M_17.index(joint)] - hips
        np.testing.assert_allclose(
            known.joints3d[:N_FRAMES, BODY_15.index(joint)], rooted, atol=0.5
        )


def test_2d_and_3d_of_a_pose_belong_together(tmp_path):
    truth, poses2d, _ = write_h36m(tmp_path, noise=4.0)
    known = read_h36m_truth(truth, poses2d)
    for axis in (0, 1):
        flat = known.poses[..., axis] - known.poses[:, [BODY_15.index("pelvis")], axis]
        alike = np.corrcoef(flat.ravel(), known.joints3d[..., axis].ravel())[0, 1]
        assert alike > 0.9


def rewritten(path, change):
    """The file again, with one of its dicts changed."""
    with np.load(path, allow_pickle=True) as archive:
        content = {key: archive[key].item() for key in archive.files}
    change(content)
    np.savez_compressed(path, **content)


CHANGES_3D = {
    "neither S9 nor S11": lambda all_: [all_["positions_3d"].pop(s) for s in ("S9", "S11")],
    "S9 must be a dict": lambda all_: all_["positions_3d"].update(S9=[1]),
    "metres are expected": lambda all_: all_["positions_3d"]["S9"].update(
        Walking=1000 * all_["positions_3d"]["S9"]["Walking"]
    ),
    "S11, Walking: 3D of shape": lambda all_: all_["positions_3d"]["S11"].update(
        Walking=np.zeros((N_FRAMES, 16, 3))
    ),
    "expected an array": lambda all_: all_["positions_3d"]["S9"].update(Walking="none"),
}
CHANGES_2D = {
    "S9, Walking 1: there is no 2D": lambda all_: all_["positions_2d"]["S9"].pop("Walking 1"),
    "2D of shape": lambda all_: all_["positions_2d"]["S9"].update(Walking=[np.zeros((2, 17, 2))]),
    "are both files of the same": lambda all_: all_["positions_2d"]["S9"].update(
        {name: [v[::-1] for v in views] for name, views in all_["positions_2d"]["S9"].items()}
    ),
    "have .* cameras": lambda all_: all_["positions_2d"]["S11"]["Walking"].pop(),
    "cannot read the dict 'positions_2d'": lambda all_: all_.pop("positions_2d"),
}


@pytest.mark.parametrize("message", CHANGES_3D)
def test_wrong_3d_is_refused_in_one_line(tmp_path, message):
    truth, poses2d, _ = write_h36m(tmp_path)
    rewritten(truth, CHANGES_3D[message])
    with pytest.raises(InputError, match=message) as refusal:
        read_h36m_truth(truth, poses2d)
    assert "\n" not in str(refusal.value)
    assert "data_3d_h36m.npz" in str(refusal.value)


@pytest.mark.parametrize("message", CHANGES_2D)
def test_2d_that_does_not_fit_is_refused_in_one_line(tmp_path, message):
    truth, poses2d, _ = write_h36m(tmp_path)
    rewritten(poses2d, CHANGES_2D[message])
    with pytest.raises(InputError, match=message) as refusal:
        read_h36m_truth(truth, poses2d)
    assert "\n" not in str(refusal.value)
    assert "data_2d_h36m_gt.npz" in str(refusal.value)


def test_older_2d_files_that_do_not_name_their_joints_are_read(tmp_path):
    truth, poses2d, _ = write_h36m(tmp_path)
    rewritten(poses2d, lambda all_: all_.pop("metadata"))
    assert np.isfinite(read_h36m_truth(truth, poses2d).poses).all()


def test_valid_frames_of_the_test_sequences_are_read(tmp_path):
    known = read_mpi_3dhp_truth(write_mpi_3dhp(tmp_path, ("TS2", "TS1")))
    assert known.group == ("TS1",) * 3 + ("TS2",) * 3
    assert dict(known.facts) == {"sequences": ["TS1", "TS2"]}
    nose = BODY_15.index("nose")
    assert np.isnan(known.joints3d[:, nose]).all()
    assert np.isfinite(np.delete(known.joints3d, nose, axis=1)).all()
    assert np.isfinite(known.poses).all()


def test_the_universal_3d_is_taken_in_the_camera_frame(tmp_path):
    known = read_mpi_3dhp_truth(write_mpi_3dhp(tmp_path))
    thigh = known.joints3d[:, BODY_15.index("left_knee")] - known.joints3d[:, 12]
    assert 0.9 < np.linalg.norm(thigh, axis=-1).mean() / (1100 * 0.45) < 1.2
    neck = known.joints3d[:, BODY_15.index("neck")]
    assert (neck[:, 1] < -300).all()  # y down


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"univ_annot3": None}, "no univ_annot3"),
        ({"annot2": np.zeros((6, 17, 2))}, "annot2 must have the shape"),
        ({"univ_annot3": np.zeros((5, 1, 17, 3))}, "univ_annot3 must have the shape"),
        ({"univ_annot3": np.full((6, 1, 17, 3), np.nan)}, "NaN"),
        ({"valid_frame": np.zeros((6, 1))}, "no frame is valid"),
    ],
)
def test_wrong_annotations_are_refused_in_one_line(tmp_path, changes, message):
    with pytest.raises(InputError, match=message) as refusal:
        read_mpi_3dhp_truth(write_mpi_3dhp(tmp_path, **changes))
    assert "\n" not in str(refusal.value)
    assert "annot_data.mat" in str(refusal.value)


def test_without_h5py_the_way_to_get_it_is_told(tmp_path, monkeypatch):
    write_mpi_3dhp(tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match="pip install"):
        read_mpi_3dhp_truth(tmp_path)


def test_each_data_set_is_known_by_itself(tmp_path):
    truth, poses2d, _ = write_h36m(tmp_path)
    assert read_lifter_truth(truth, poses2d, noisy=False).grouped_by == "action"
    folder = write_mpi_3dhp(tmp_path / "3dhp")
    assert read_lifter_truth(folder, None, noisy=False).grouped_by == "sequence"


def test_what_does_not_go_together_is_refused(tmp_path):
    truth, poses2d, _ = write_h36m(tmp_path)
    folder = write_mpi_3dhp(tmp_path / "3dhp")
    (tmp_path / "empty").mkdir()
    for path, other, noisy, message in (
        (truth, None, False, "--poses2d"),
        (truth, poses2d, True, "no noisy 2D"),
        (folder, None, True, "no noisy 2D"),
        (folder, poses2d, False, "--poses2d goes with"),
        (poses2d, None, False, "no 3D truth file"),
        (tmp_path / "empty", None, False, "TS1/annot_data.mat"),
        (tmp_path / "none.npz", None, False, "cannot read"),
    ):
        with pytest.raises(InputError, match=message):
            read_lifter_truth(path, other, noisy=noisy)
