"""Heatmaps and PAFs drawn from known people, as the networks were trained to give them."""

import numpy as np

from pose_lib.openpose.models import MOBILENET_THIN
from pose_lib.skeleton import COCO_18

HEIGHT, WIDTH = 46, 62

LIMBS = MOBILENET_THIN.limbs

STANDING = {
    "nose": (0, -10),
    "neck": (0, -7),
    "right_shoulder": (-3, -7),
    "right_elbow": (-4.5, -3),
    "right_wrist": (-5, 1),
    "left_shoulder": (3, -7),
    "left_elbow": (4.5, -3),
    "left_wrist": (5, 1),
    "right_hip": (-2, 2),
    "right_knee": (-2.3, 8),
    "right_ankle": (-2.5, 14),
    "left_hip": (2, 2),
    "left_knee": (2.3, 8),
    "left_ankle": (2.5, 14),
    "right_eye": (-1, -11),
    "left_eye": (1, -11),
    "right_ear": (-2, -10.3),
    "left_ear": (2, -10.3),
    "head_top": (0, -13),
    "chest": (0, -3),
    "pelvis": (0, 2),
    "left_big_toe": (4, 16),
    "left_small_toe": (6, 15.5),
    "left_heel": (1.5, 15.5),
    "right_big_toe": (-4, 16),
    "right_small_toe": (-6, 15.5),
    "right_heel": (-1.5, 15.5),
}


def standing(x, y, skeleton=COCO_18):
    """Joints of a person 25 cells tall, in cells."""
    return np.array([STANDING[joint] for joint in skeleton.joints], dtype=np.float32) + np.float32(
        [x, y]
    )


def draw_maps(people, *, model=MOBILENET_THIN, height=HEIGHT, width=WIDTH):
    """Gaussians of one cell around the joints, unit vectors within a cell of the limbs."""
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    heatmaps = np.zeros((len(model.skeleton) + 1, height, width), dtype=np.float32)
    pafs = np.zeros((len(model.limbs), 2, height, width), dtype=np.float32)
    for person in people:
        for joint, xy in enumerate(person):
            if np.isnan(xy).any():
                continue
            bump = np.exp(-((grid - xy) ** 2).sum(-1) / 2)
            heatmaps[joint] = np.maximum(heatmaps[joint], bump)
        for limb, ends in enumerate(model.limbs):
            start, end = person[model.skeleton.indices(ends)]
            if not np.isnan([start, end]).any():
                _draw_limb(pafs[limb], grid, start, end)
    heatmaps[-1] = 1 - heatmaps[:-1].max(axis=0)
    return heatmaps, pafs.reshape(-1, height, width)


def _draw_limb(field, grid, start, end):
    length = np.linalg.norm(end - start)
    direction = (end - start) / length
    along = (grid - start) @ direction
    across = np.abs((grid - start) @ [-direction[1], direction[0]])
    inside = (along > -1) & (along < length + 1) & (across < 1)
    field[:, inside] = direction[:, None]
