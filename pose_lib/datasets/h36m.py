"""Reader of Human3.6M as VideoPose3D keeps it: 3D in one npz file, 2D of four cameras in another.

The files hold no cameras. These are found again from the 3D joints and their pixels: thousands of
poses determine each camera exactly.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pose_lib.convert import convert_keypoints
from pose_lib.datasets.camera_resection import CameraPose, resect
from pose_lib.datasets.scored_poses import GroupedPoses, body_15_truth, with_confidence
from pose_lib.errors import InputError
from pose_lib.files.numpy_pickle import NotPlainData, float_array, items, read_pickled_dict
from pose_lib.skeleton import BODY_15, COCO_17, H36M_17, Skeleton

KEY_3D, KEY_2D = "positions_3d", "positions_2d"
SUBJECTS = ("S9", "S11")
"""Source: Human3.6M's usual split, tested on subjects 9 and 11; Martinez et al. 2017."""

_OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""``H36M_17`` among the 32 joints of the recording.

Source: VideoPose3D's ``h36m_dataset.py`` removes the others, which repeat a joint or are feet and
hands.
"""
_ACTIONS = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}
"""Source: VideoPose3D's ``prepare_data_h36m.py``, which renames them so."""

_LAYOUTS = {"h36m": H36M_17, "coco": COCO_17}
_MISFIT = 0.1
"""Median distance to the pixels, as a share of their spread, from which the files do not belong
together: a detector is off by a few hundredths, another person's poses by a half."""


@dataclass(frozen=True)
class _Clip:
    """One recording: 3D in mm, world frame, and what each camera saw of it."""

    action: str
    joints: Float[np.ndarray, "frame 17 3"]
    views: list[Float[np.ndarray, "frame joint 2"]]


def read_h36m_truth(truth: Path, poses2d: Path) -> GroupedPoses:
    """Return all poses of subjects 9 and 11 in the frames of all cameras, grouped by action.

    Args:
        truth: ``data_3d_h36m.npz``; metres, world frame.
        poses2d: ``data_2d_h36m_gt.npz``, ``data_2d_h36m_cpn_ft_h36m_dbb.npz`` or alike; pixels.

    Raises:
        InputError: If a file is not what it should be, or they do not belong together.
    """
    try:
        positions, seen = read_pickled_dict(truth, KEY_3D), read_pickled_dict(poses2d, KEY_2D)
        subjects = [subject for subject in SUBJECTS if subject in positions]
        if not subjects:
            raise InputError(f"{truth} holds neither {' nor '.join(SUBJECTS)}, which are tested on")
        skeleton = _skeleton(poses2d)
        parts = [
            part
            for subject in subjects
            for part in _of_subject(
                list(_clips(positions[subject], seen.get(subject), subject)), skeleton, poses2d
            )
        ]
    except NotPlainData as error:
        raise InputError(f"{truth} with {poses2d}: {error}") from error
    return GroupedPoses(
        poses=np.concatenate([poses for poses, _, _ in parts]),
        joints3d=np.concatenate([joints for _, joints, _ in parts]),
        group=tuple(action for poses, _, action in parts for _ in poses),
        grouped_by="action",
        facts=(("subjects", subjects),),
    )


def _skeleton(poses2d: Path) -> Skeleton:
    """Return the joints of the 2D file, which older ones do not name: those of the 3D."""
    try:
        layout = read_pickled_dict(poses2d, "metadata").get("layout_name", H36M_17.name)
    except InputError:
        return H36M_17
    return _LAYOUTS.get(str(layout), H36M_17)


def _clips(positions: Any, seen: Any, subject: str) -> Iterator[_Clip]:
    if not isinstance(positions, dict) or not isinstance(seen, dict) or not positions:
        raise NotPlainData(f"{subject} must be a dict of actions in both files")
    for action, joints in positions.items():
        where = f"{subject}, {action}"
        if action not in seen or not (views := items(seen[action])):
            raise NotPlainData(f"{where}: there is no 2D")
        millimeters = 1000 * _seventeen(float_array(joints), where)
        name = str(action).partition(" ")[0]
        yield _Clip(
            _ACTIONS.get(name, name),
            millimeters,
            [_view(float_array(view), len(millimeters), where) for view in views],
        )


def _seventeen(joints: np.ndarray, where: str) -> Float[np.ndarray, "frame 17 3"]:
    if joints.ndim != 3 or joints.shape[1:] not in ((32, 3), (17, 3)):
        raise NotPlainData(f"{where}: 3D of shape {joints.shape}, not (frame, 32 or 17, 3)")
    kept = joints[:, _OF_32] if joints.shape[1] == 32 else joints
    height = np.ptp(kept, axis=1).max() if kept.size else 0
    if not 0.2 < height < 5:  # false for NaN, too
        raise NotPlainData(f"{where}: a person of {height:.3g}, where metres are expected")
    return kept.astype(np.float32)


def _view(view: np.ndarray, n_frames: int, where: str) -> Float[np.ndarray, "frame joint 2"]:
    """Return what a camera saw. Some films are a few frames longer than the recording."""
    if view.ndim != 3 or view.shape[1] != 17 or view.shape[2] < 2 or len(view) < n_frames:
        raise NotPlainData(
            f"{where}: 2D of shape {view.shape}, not ({n_frames} frames or more, 17, 2)"
        )
    return view[:n_frames, :, :2].astype(np.float32)


def _of_subject(
    clips: list[_Clip], skeleton: Skeleton, poses2d: Path
) -> Iterator[tuple[Float[np.ndarray, "pose 15 3"], Float[np.ndarray, "pose 15 3"], str]]:
    """Yield 2D and 3D of every recording in every camera, with its action."""
    n_cameras = {len(clip.views) for clip in clips}
    if len(n_cameras) != 1:
        raise NotPlainData(f"recordings of one subject have {sorted(n_cameras)} cameras")
    for number in range(n_cameras.pop()):
        camera = _camera(clips, number, skeleton, poses2d)
        for clip in clips:
            keypoints = with_confidence(clip.views[number])
            joints = body_15_truth(camera.turned(clip.joints), H36M_17.joints, poses2d)
            yield convert_keypoints(keypoints, skeleton, BODY_15), joints, clip.action


def _camera(clips: list[_Clip], number: int, skeleton: Skeleton, poses2d: Path) -> CameraPose:
    """Return where a camera stood, from the joints that both files name."""
    shared = tuple(joint for joint in skeleton.joints if joint in H36M_17.joints)
    take = functools.partial(np.take, axis=1)
    points = [take(clip.joints, H36M_17.indices(shared)).reshape(-1, 3) for clip in clips]
    pixels = [take(clip.views[number], skeleton.indices(shared)).reshape(-1, 2) for clip in clips]
    known = np.isfinite(np.concatenate(pixels)).all(1)
    seen = np.concatenate(pixels)[known]
    doubt = "are both files of the same recordings?"
    try:
        camera = resect(np.concatenate(points)[known], seen)
    except InputError as error:
        raise InputError(f"{poses2d}, camera {number + 1}: {error}; {doubt}") from error
    if not camera.residual < _MISFIT * seen.std():
        off = f"the 2D is {camera.residual:.0f} pixels off the 3D"
        raise InputError(f"{poses2d}, camera {number + 1}: {off}; {doubt}")
    return camera
