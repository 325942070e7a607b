"""Lifting and drawing the people of a store, without a flow around it."""

import json

import numpy as np
import pytest

from pose_lib.images.find import OUTPUT_MARK
from tasks.import_keypoints import import_openpose
from tasks.render import lift_people, render_people


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two images with one person each, whose pictures are not at hand."""
    folder = tmp_path_factory.mktemp("json")
    standing = [(50, 20), (50, 40), (40, 40), (38, 60), (36, 80), (60, 40), (62, 60), (64, 80)]
    standing += [(45, 90), (45, 120), (45, 150), (55, 90), (55, 120), (55, 150)]
    joints = [*standing, (48, 18), (52, 18), (46, 20), (54, 20)]
    numbers = [value for x, y in joints for value in (float(x), float(y), 0.9)]
    for name in ("a", "b"):
        document = {"version": 1.3, "people": [{"pose_keypoints_2d": numbers}]}
        (folder / f"{name}_keypoints.json").write_text(json.dumps(document))
    return import_openpose.fn(folder, folder / "s.zarr")


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_everybody_is_lifted_and_those_asked_for_are_drawn(store, tmp_path):
    poses = lift_people.fn(store, "bundled", tmp_path / "poses3d.npz")
    pictures, rendered = render_people.fn(store, {"bundled": poses}, tmp_path, 1)
    assert (rendered.lifted, rendered.refused, rendered.shown) == (2, 0, 1)
    assert len(pictures) == 1
    together = {"poses3d.npz", "overview.png", "viewer.html", "turntable.gif", "figures.txt"}
    assert names(tmp_path) == together | {"01_a.png", OUTPUT_MARK}
    with np.load(poses, allow_pickle=False) as arrays:
        assert np.isfinite(arrays["poses3d"]).all()


def test_figures_of_an_earlier_rendering_go_and_other_files_stay(store, tmp_path):
    poses = {"bundled": lift_people.fn(store, "bundled", tmp_path / "poses3d.npz")}
    render_people.fn(store, poses, tmp_path, 2)
    (tmp_path / "2024_holiday.png").touch()
    assert {"01_a.png", "02_b.png"} <= names(tmp_path)
    render_people.fn(store, poses, tmp_path, 1)
    assert "02_b.png" not in names(tmp_path)
    assert {"01_a.png", "2024_holiday.png"} <= names(tmp_path)
