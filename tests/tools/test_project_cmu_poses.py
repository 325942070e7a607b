"""The cameras that the bundled 2D poses were seen by."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import pose_lib
from pose_lib.datasets.mpii import read_mpii
from pose_lib.skeleton import MPII_16

ROOT = Path(pose_lib.__file__).parents[1]


def test_who_faces_the_camera_has_their_right_hand_on_the_left_and_feet_below(tool):
    body = np.zeros((1, 16, 3))
    body[0, MPII_16.index("right_wrist")] = [-300, 0, 0]  # y up, facing the camera along z
    body[0, MPII_16.index("left_wrist")] = [300, 0, 0]
    body[0, MPII_16.index("right_ankle")] = [0, -800, 0]
    (seen,) = tool.project(body, Lowest())
    pelvis = seen[MPII_16.index("pelvis")]
    assert seen[MPII_16.index("right_wrist")][0] < pelvis[0] < seen[MPII_16.index("left_wrist")][0]
    assert seen[MPII_16.index("right_ankle")][1] > pelvis[1]


def test_what_is_nearer_is_larger_and_from_above_lower(tool):
    near, far = np.zeros((2, 16, 3)), np.zeros((2, 16, 3))
    near[0, 0], far[0, 0] = [300, 0, 500], [300, 0, -500]
    seen_near, seen_far = (tool.project(bodies, Lowest())[0, 0] for bodies in (near, far))
    assert seen_near[0] > seen_far[0] > 640
    assert seen_near[1] > 360 > seen_far[1]


def test_every_pose_is_whole_in_the_picture(tool):
    bodies = np.random.default_rng(0).uniform(-400, 400, (50, 16, 3))
    joints = tool.project_in_frame(bodies, np.random.default_rng(1))
    assert ((joints >= 0) & (joints < [1280, 720])).all()


def test_the_bundled_poses_are_what_the_tool_makes(tool, shared):
    bodies = tool.spread(tool.read_bodies(shared / "data/mocap/cmu_train.npz"), 2000)
    made = tool.project_in_frame(bodies, np.random.default_rng(0)).round(1)
    bundled = read_mpii(ROOT / "pose_lib/data/sample/poses_2d.npz")[..., :2]
    np.testing.assert_allclose(bundled, made, atol=0.11)


class Lowest:
    """A generator that draws the lowest number of a range, and the mean."""

    def uniform(self, low, high, size):
        return np.full(size, float(low))

    def normal(self, mean, spread, size):
        return np.broadcast_to(np.asarray(mean, float), size)


@pytest.fixture(scope="module")
def tool():
    path = ROOT / "tools/project_cmu_poses.py"
    if not path.exists():
        pytest.skip("needs the tools of a checkout")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
