"""Whatever an image is called, what is named after it stays in its folder and does no harm."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from made_up_people import some_keypoints

from pose_lib.errors import InputError
from pose_lib.files.atomic_write import write_inside
from pose_lib.files.safe_names import fitting_name
from pose_lib.formats.coco_json import write_coco
from pose_lib.formats.keypoints_csv import write_csv
from pose_lib.formats.npy_pair import read_npy_pair, write_npy_pair
from pose_lib.formats.openpose_json import read_openpose, write_openpose
from pose_lib.plots.viewer import viewer_html
from pose_lib.store import Provenance, open_store

ESCAPING = ("../x.jpg", "a/../../x.jpg", "/x.jpg", "..", "", "a\0.jpg", "\ud800.jpg")
ODD = (
    "$x$ \\frac.jpg",
    "%00.jpg",
    "+1.jpg",
    "-1.jpg",
    "</script><script>alert(1)</script>.jpg",
    "=cmd|' /C calc'!A0.jpg",
    "@sum.jpg",
    "CON.jpg",
    "\x1b[31mred.jpg",
    "a'\".jpg",
    "two\nlines.jpg",
    "x" * 300 + ".jpg",
    "é" * 200 + "/" + "ü" * 200 + ".png",
)
WRITERS = (write_npy_pair, write_openpose, write_coco, write_csv)


@pytest.fixture
def home(tmp_path):
    """A folder for results, deep enough for a name to climb out of it unnoticed otherwise."""
    folder = tmp_path / "a" / "b" / "results"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("name", ESCAPING)
def test_a_name_that_leads_outside_is_refused(home, name):
    with pytest.raises(InputError, match="not a relative path inside a folder"):
        write_inside(home, name, b"")
    with pytest.raises(InputError, match="not a relative path inside a folder"):
        write_openpose(named(name), home)
    assert files(home.parents[2]) == []


@pytest.mark.parametrize("name", ESCAPING)
def test_no_such_name_is_read_from_files_of_others(home, name):
    document = {"version": 1.3, "people": [], "image": {"filename": name, "scores": []}}
    (home / "1_keypoints.json").write_text(json.dumps(document))
    with pytest.raises(InputError):
        read_openpose(home)
    if name.isprintable():  # what numpy can save
        np.save(home / "keypoints.npy", np.ones((1, 18, 3), np.float32))
        np.save(home / "filenames.npy", np.array([name]))
        with pytest.raises(InputError):
            read_npy_pair(home)


@pytest.mark.parametrize("write", WRITERS)
def test_links_in_the_folder_of_results_are_not_followed_outside(home, write):
    (home.parent / "elsewhere").mkdir()
    (home / "day").symlink_to(home.parent / "elsewhere")
    people = named("day/a.jpg")
    if write is write_openpose:
        with pytest.raises(InputError, match=r"would lie outside .*results.* is a link"):
            write(people, home)
    else:
        write(people, home)
    assert files(home.parent / "elsewhere") == []


def test_a_link_in_the_place_of_a_result_is_replaced_not_followed(home):
    (home.parent / "mine.txt").write_text("mine")
    (home / "keypoints.csv").symlink_to(home.parent / "mine.txt")
    write_csv(named("a.jpg"), home)
    assert (home.parent / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("place", ["images", "people/elsewhere"])
def test_links_in_a_store_are_not_followed_by_who_writes_it(home, place):
    store = home / "keypoints.zarr"
    origin = Provenance("COCO_18", "")
    open_store(store, origin)
    (home.parent / "elsewhere").mkdir()
    (store / place).parent.mkdir(exist_ok=True)
    (store / place).symlink_to(home.parent / "elsewhere")
    with pytest.raises(InputError, match=f"{place} is a link"):
        open_store(store, origin)


@pytest.mark.parametrize("write", WRITERS)
def test_odd_names_are_no_matter(home, write):
    write(some_keypoints(sorted(ODD)), home)
    assert all(file.startswith("a/b/results/") for file in files(home.parents[2]))


def test_odd_names_come_back_as_they_were(home):
    people = some_keypoints(sorted(ODD))
    assert read_openpose(write_openpose(people, home)).filename == people.filename


def test_a_spreadsheet_sees_no_formula(home):
    with write_csv(some_keypoints(sorted(ODD)), home).open(newline="") as file:
        names = {row["filename"] for row in csv.DictReader(file)}
    assert names
    assert not any(name.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for name in names)
    assert {name.removeprefix("./") for name in names} <= set(ODD)


def test_a_page_is_not_ended_by_a_name():
    poses, filled = np.zeros((1, 15, 3), np.float32), np.zeros((1, 15), bool)
    plain = viewer_html(poses, filled, names=["a.jpg"])
    odd = viewer_html(poses, filled, names=["</script><script>alert(1)</script>.jpg"])
    assert odd.count("<script") == plain.count("<script")
    assert odd.count("</script") == plain.count("</script")


@pytest.mark.parametrize("name", ODD)
def test_a_cut_name_fits_is_still_told_apart_and_keeps_its_suffix(name):
    fitting = fitting_name(name)
    assert all(len(part.encode()) <= 255 for part in fitting.split("/"))
    assert fitting.endswith(name[-4:])
    if fitting != name:
        assert fitting != fitting_name(f"{name[:-4]}x{name[-4:]}")
    else:
        assert len(name) < 300


def named(name):
    return replace(some_keypoints(["a.jpg"]), filename=(name,))


def files(folder):
    """Return all files below the folder, links to folders not followed."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)
