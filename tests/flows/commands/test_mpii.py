"""What `mpii` and `select` print, and what they refuse."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from made_up_people import some_keypoints
from mpii_mat import image_of, person_of, save_release
from typer.testing import CliRunner

from flows.commands.mpii import mpii, select
from pose_lib.errors import InputError
from pose_lib.store import Provenance, open_store, publish, read_keypoints, write_shard

NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")


@pytest.fixture
def annotations(tmp_path):
    joints = np.random.default_rng(0).uniform(1, 60, (16, 2))
    images = [image_of("a.jpg", [person_of(joints, visible=["1"] * 16)]), image_of("b.jpg")]
    return save_release(tmp_path / "a.mat", images, train=[1, 0], single_person=[[1], []])


@pytest.fixture
def store(tmp_path):
    people = some_keypoints(NAMES, seed=1)
    open_store(tmp_path / "s.zarr", Provenance("COCO_18", "hash"))
    write_shard(tmp_path / "s.zarr", people, NAMES, np.zeros(len(NAMES), np.float32))
    publish(tmp_path / "s.zarr", NAMES, dict(zip(NAMES, NAMES, strict=True)))
    return tmp_path / "s.zarr"


def run(command, *arguments):
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)


def test_the_audit_is_told_to_people_without_what_is_not_there(annotations):
    printed = run(mpii, annotations).stdout
    assert "train single" in printed
    assert "joints\u00a0visible" in printed
    assert "multi" not in printed
    assert "hidden" not in printed


def test_the_audit_is_told_to_programs_as_one_object(annotations, tmp_path):
    told = json.loads(run(mpii, annotations, "--json", "--out", tmp_path / "lists").stdout)
    assert told["counts"]["train single"]["joints visible"] == 16
    assert told["version"] == "12"
    written = {Path(path).name for path in told["written"]}
    assert written == {path.name for path in (tmp_path / "lists").iterdir()}
    kept = json.loads((tmp_path / "lists/audit.json").read_text())
    assert kept == {key: value for key, value in told.items() if key != "written"}


def test_images_that_are_missing_are_named(annotations, tmp_path):
    assert (
        "2 images are missing: a.jpg, b.jpg" in run(mpii, annotations, "--images", tmp_path).stdout
    )


def test_a_folder_that_is_not_there_is_bad_input_and_no_folder_without_images(
    annotations, tmp_path
):
    with pytest.raises(InputError, match=r"no folder of images at .*photos"):
        run(mpii, annotations, "--images", tmp_path / "photos")


def test_a_choice_is_stored_and_told(store):
    told = json.loads(run(select, store, "--select", "largest", "--json").stdout)
    chosen = read_keypoints(store).chosen
    assert (told["rule"], told["chosen"], told["of"]) == ("largest", chosen.sum(), len(chosen))
    assert 0 < chosen.sum() < len(chosen)
    assert "rule" in run(select, store, "--select", "all").stdout
    assert read_keypoints(store).chosen.all()


def test_annotations_select_and_their_absence_is_bad_input(store, annotations):
    told = run(select, store, "--select", "annotated", "--annotations", annotations, "--json")
    assert json.loads(told.stdout)["annotations"] == "a.mat"
    with pytest.raises(InputError, match=r"needs a file of annotations .*--annotations FILE"):
        run(select, store, "--select", "annotated")
