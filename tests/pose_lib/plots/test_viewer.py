import json
import re

import cv2
import numpy as np
import pytest

from pose_lib.plots.viewer import thumbnail, viewer_html
from pose_lib.skeleton import BODY_15

POSES = np.random.default_rng(0).normal(size=(3, 15, 3)).astype(np.float32)
FILLED = np.zeros((3, 15), bool)
NAMES = ["a.jpg", "b.jpg", "c.jpg"]


def scene(page):
    return json.loads(re.search(r'id="scene">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_needs_nothing_from_outside():
    page = viewer_html(POSES, FILLED, names=NAMES)
    assert "//" not in re.sub(r"^\s*//.*| //.*", "", page, flags=re.MULTILINE)
    assert not re.search(r"<(link|script src|img src)|@import|fetch\(|import\(", page)


def test_the_page_holds_every_person_upright_and_to_scale():
    people = scene(viewer_html(1000 * POSES, FILLED, names=NAMES))["people"]
    assert [person["name"] for person in people] == NAMES
    for pose, person in zip(POSES, people, strict=True):
        joints = np.array(person["joints"])
        assert np.linalg.norm(joints, axis=-1).max() == pytest.approx(1, abs=1e-3)
        x, y, z = (joints - joints[0]).T
        turned = np.column_stack([x, -z, y])  # back into the camera frame
        expected = pose - pose[0]
        scale = np.linalg.norm(turned) / np.linalg.norm(expected)
        np.testing.assert_allclose(turned, scale * expected, atol=1e-3)


def test_halos_have_the_scale_of_the_pose_and_are_none_where_nothing_is_known():
    uncertainty = np.full((3, 15), 0.2, np.float32)
    uncertainty[1] = np.nan
    first, second, third = scene(viewer_html(POSES, FILLED, uncertainty=uncertainty, names=NAMES))[
        "people"
    ]
    for pose, person in ((POSES[0], first), (POSES[2], third)):
        joints = np.array(person["joints"])
        scale = np.linalg.norm(joints[1] - joints[0]) / np.linalg.norm(pose[1] - pose[0])
        np.testing.assert_allclose(person["halos"], 0.2 * scale, atol=1e-3)
    assert second["halos"] == [0] * 15
    without = scene(viewer_html(POSES, FILLED, names=NAMES))["people"]
    assert not any(any(person["halos"]) for person in without)


def test_missing_joints_and_people_are_null_not_nan():
    poses = POSES.copy()
    poses[0, 4], poses[1] = np.nan, np.nan
    first, second, _ = scene(viewer_html(poses, FILLED, names=NAMES))["people"]
    assert [joint is None for joint in first["joints"]] == [row == 4 for row in range(15)]
    assert second["joints"] == [None] * 15


def test_a_file_name_cannot_break_out_of_its_place():
    nasty = "</script><script>alert(1)</script>.jpg"
    page = viewer_html(POSES, FILLED, names=[nasty, "é b.jpg", "c"], title="</title><b>")
    assert nasty not in page
    assert "</title><b>" not in page
    assert scene(page)["people"][0]["name"] == nasty


def test_a_dozen_people_with_pictures_stay_under_200_kb():
    image = cv2.resize(
        np.random.default_rng(1).integers(0, 255, (30, 40, 3), dtype=np.uint8), (640, 480)
    )
    keypoints = np.column_stack([50 * POSES[0, :, :2] + 250, np.ones(15)]).astype(np.float32)
    picture = thumbnail(image, keypoints, BODY_15)
    poses = np.repeat(POSES, 4, 0)
    page = viewer_html(poses, np.zeros((12, 15), bool), names=["x"] * 12, thumbnails=[picture] * 12)
    assert len(page) < 200_000
    assert max(cv2.imdecode(np.frombuffer(picture, np.uint8), 1).shape) == 200


def test_numbers_that_disagree_are_refused():
    with pytest.raises(ValueError, match="3 poses, but 2 names"):
        viewer_html(POSES, FILLED, names=NAMES[:2])
