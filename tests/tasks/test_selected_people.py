"""What is made from a store is about those who were chosen, and overlays show the others grey."""

import json

import cv2
import numpy as np
import pytest

from pose_lib.extract.plan import Shard
from pose_lib.images.source import ImageSource
from pose_lib.person_selection import PersonSelection
from pose_lib.plots.palette import OTHERS_COLOR, bgr
from pose_lib.store import choose_again, read_keypoints
from tasks.export import ExportFormat, export_people
from tasks.import_keypoints import import_openpose
from tasks.overlay import draw_overlays
from tasks.render import export_poses, lift_people, render_people
from tasks.runtime.payload import CompressedShard

STANDING = [(50, 20), (50, 40), (40, 40), (38, 60), (36, 80), (60, 40), (62, 60), (64, 80)]
STANDING += [(45, 90), (45, 120), (45, 150), (55, 90), (55, 120), (55, 150)]
STANDING += [(48, 18), (52, 18), (46, 20), (54, 20)]


@pytest.fixture
def store(tmp_path):
    """Two images: in one a small and a large person, in the other one alone; the large chosen."""
    for name, sizes in (("a", (1, 2)), ("b", (1,))):
        people = [
            np.c_[np.multiply(STANDING, size) + 100 * size, np.full(18, 0.9)] for size in sizes
        ]
        listed = [{"pose_keypoints_2d": person.ravel().tolist()} for person in people]
        document = {"version": 1.3, "people": listed, "image": {"filename": f"{name}.png"}}
        (tmp_path / f"{name}_keypoints.json").write_text(json.dumps(document))
    store = import_openpose.fn(tmp_path, tmp_path / "s.zarr")
    choose_again(store, PersonSelection("largest"))
    return store


def test_the_choice_leaves_everybody_in_the_store(store):
    assert read_keypoints(store).n_people == 3
    assert read_keypoints(store).chosen.tolist() == [False, True, True]


@pytest.mark.parametrize("kind", list(ExportFormat))
def test_only_the_chosen_are_exported(store, tmp_path, kind):
    export_people.fn(store, kind, tmp_path / "out")
    assert _count(kind, tmp_path / "out") == 2


def test_only_the_chosen_are_lifted_and_drawn(store, tmp_path):
    poses = lift_people.fn(store, "bundled", tmp_path / "out/poses3d.npz")
    with np.load(poses, allow_pickle=False) as arrays:
        assert arrays["filename"].tolist() == ["a.png", "b.png"]
        np.testing.assert_array_equal(
            arrays["keypoints"], read_keypoints(store).only_chosen().keypoints
        )
    _, rendered = render_people.fn(store, {"bundled": poses}, tmp_path / "out", 3)
    assert (rendered.lifted, rendered.shown) == (2, 2)
    export_poses.fn(store, poses, tmp_path / "json")
    assert _count(ExportFormat.OPENPOSE, tmp_path / "json") == 2


def test_an_overlay_shows_the_others_in_grey(store, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((460, 400, 3), 255, np.uint8))
    source = ImageSource(tmp_path, ("a.png",))
    draw_overlays.fn(CompressedShard(Shard(0, ("a.png",))), source, store, tmp_path / "overlays")
    picture = cv2.imread(str(tmp_path / "overlays/a.png"))
    small, large = ((100 * size + size * 45, 100 * size + size * 120) for size in (1, 2))  # a knee
    assert tuple(picture[small[1], small[0]].tolist()) == bgr(OTHERS_COLOR)
    assert tuple(picture[large[1], large[0]].tolist()) != bgr(OTHERS_COLOR)


def _count(kind, folder):
    match kind:
        case ExportFormat.NPY:
            return len(np.load(folder / "keypoints.npy", allow_pickle=False))
        case ExportFormat.OPENPOSE:
            paths = folder.glob("*_keypoints.json")
            return sum(len(json.loads(path.read_text())["people"]) for path in paths)
        case ExportFormat.COCO:
            return len(json.loads((folder / "coco_results.json").read_text()))
        case ExportFormat.CSV:
            return (len((folder / "keypoints.csv").read_text().splitlines()) - 1) / 18
