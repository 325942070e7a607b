"""Files of the structure of Human3.6M (VideoPose3D's) and MPI-INF-3DHP, with made-up people."""

import cv2
import h5py
import numpy as np

from pose_lib.datasets.mpi_inf_3dhp import MPI_3DHP_17
from pose_lib.skeleton import H36M_17

OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
LENS = np.array([[1145.0, 0, 512], [0, 1143, 515], [0, 0, 1]])
BENDING = np.array([-0.207, 0.247, -0.00097, -0.00142, -0.003])
PLACES = ((2.0, 4.9, 1.5), (-1.7, 5.2, 1.4))

_HEIGHTS = {"head_top": 1.75, "nose": 1.62, "thorax": 1.45, "spine": 1.2, "pelvis": 0.95}
_PAIRS = {
    "shoulder": (0.18, 1.45),
    "elbow": (0.22, 1.15),
    "wrist": (0.24, 0.9),
    "hip": (0.13, 0.95),
    "knee": (0.14, 0.5),
    "ankle": (0.14, 0.08),
}


def standing(joint):
    """Where a joint of somebody standing is: metres, x to the left side, z up."""
    side, _, name = joint.rpartition("_") if joint not in _HEIGHTS else ("", "", joint)
    if not side:
        return (0.0, 0.0, _HEIGHTS[joint])
    across, height = _PAIRS[name]
    return (across if side == "left" else -across, 0.0, height)


def people(rng, n_frames):
    """H36M_17 in metres, world frame: somebody who fidgets all over the room."""
    still = np.array([standing(joint) for joint in H36M_17.joints])
    places = np.c_[rng.uniform(-1.5, 1.5, (n_frames, 2)), np.zeros(n_frames)]
    fidgeting = rng.normal(0, 0.1, (n_frames, len(still), 3))
    pelvis, hips = H36M_17.index("pelvis"), H36M_17.indices(("left_hip", "right_hip"))
    fidgeting[:, pelvis] = fidgeting[:, hips].mean(1)
    return (still + places[:, None] + fidgeting).astype(np.float32)


def camera(place):
    """Rotation and translation of a camera that looks at the middle of the room."""
    away = np.array([0, 0, 0.9]) - place
    away /= np.linalg.norm(away)
    right = np.cross(away, [0, 0, 1])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(away, right), away])
    return rotation, -rotation @ place


def seen(world, place):
    rotation, translation = camera(np.array(place))
    turns = cv2.Rodrigues(rotation)[0]
    points = world.reshape(-1, 3).astype(np.float64)
    pixels, _ = cv2.projectPoints(points, turns, translation, LENS, BENDING)
    return pixels.reshape(*world.shape[:-1], 2).astype(np.float32)


def of_32(joints):
    """The 32 joints of a recording; those that are never used lie far off."""
    all_joints = np.full((len(joints), 32, 3), 9.9, np.float32)
    all_joints[:, OF_32] = joints
    return all_joints


def write_h36m(folder, n_frames=8, actions=("Walking 1", "Walking", "TakingPhoto"), noise=0.0):
    """Write both files and return their paths, and the 3D by subject and action."""
    rng = np.random.default_rng(0)
    world = {s: {a: people(rng, n_frames) for a in actions} for s in ("S1", "S9", "S11")}
    films = {
        subject: {
            action: [
                seen(joints, place) + rng.normal(0, noise, (n_frames, 17, 2)).astype(np.float32)
                for place in PLACES
            ]
            for action, joints in of_subject.items()
        }
        for subject, of_subject in world.items()
    }
    for views in films["S9"].values():  # some films run on
        views[0] = np.concatenate([views[0], views[0][:2] + 50])
    truth, poses2d = folder / "data_3d_h36m.npz", folder / "data_2d_h36m_gt.npz"
    whole = {s: {a: of_32(joints) for a, joints in of.items()} for s, of in world.items()}
    np.savez_compressed(truth, positions_3d=whole)
    about = {"layout_name": "h36m", "num_joints": 17, "keypoints_symmetry": [[4, 5], [1, 2]]}
    np.savez_compressed(poses2d, positions_2d=films, metadata=about)
    return truth, poses2d, world


def write_mpi_3dhp(folder, sequences=("TS1", "TS2"), n_frames=6, **changes):
    """Write the annotations of test sequences; every other frame is valid."""
    rng = np.random.default_rng(0)
    stand_ins = {"upper_neck": "thorax", "head": "nose"}
    names = [stand_ins.get(joint, joint) for joint in MPI_3DHP_17.joints]
    for sequence in sequences:
        rotation, translation = camera(np.array(PLACES[0]))
        joints = people(rng, n_frames)[:, H36M_17.indices(tuple(names))]
        arrays = {
            "annot2": seen(joints, PLACES[0])[:, None].astype(np.float64),
            "annot3": 1000 * (joints @ rotation.T + translation)[:, None],
            "univ_annot3": 1100 * (joints @ rotation.T + translation)[:, None],
            "valid_frame": (np.arange(n_frames)[:, None] % 2 == 0).astype(np.float64),
            **changes,
        }
        (folder / sequence).mkdir(parents=True)
        with h5py.File(folder / sequence / "annot_data.mat", "w", userblock_size=512) as file:
            for key, array in arrays.items():
                if array is not None:
                    file[key] = array
    return folder
