"""Every image and everybody is counted once, and the lists lead to the images."""

import cv2
import numpy as np
import pytest
from mpii_mat import image_of, person_of, points_of, save_release, structs

from pose_lib.datasets.mpii_audit import (
    NO_HEAD,
    NO_PLACE,
    NO_POINTS,
    OUTSIDE,
    REASONS,
    audit_mpii,
    write_audit,
)
from pose_lib.datasets.mpii_release import read_mpii_release
from pose_lib.images.find import find_images
from pose_lib.images.source import image_sizes

JOINTS = np.random.default_rng(0).uniform(1, 60, (16, 2)).round(1)


@pytest.fixture
def release(tmp_path):
    """Two training images, of one person and of two, one with nobody; and two for testing."""
    hidden = person_of(JOINTS, visible=["0"] * 8 + [""] * 8, center=(30, 20))
    twice = person_of(JOINTS, center=(30, 20))
    twice["annopoints"]["point"] = structs(points_of(JOINTS) + points_of(JOINTS)[:3])
    images = [
        image_of("alone.png", [person_of(JOINTS, visible=["1"] * 16, center=(30, 20))]),
        image_of("two.png", [hidden, person_of(center=(30, 20))]),
        image_of("empty.png"),
        image_of("test alone.png", [person_of(center=(30, 20))]),
        image_of(
            "test two.png", [twice, person_of(JOINTS, head=None), person_of(JOINTS, scale=None)]
        ),
    ]
    apart = [[1], [2], [], [1], [1]]
    path = save_release(tmp_path / "a.mat", images, train=[1, 1, 1, 0, 0], single_person=apart)
    return read_mpii_release(path)


def test_every_image_is_in_one_group(release):
    images = audit_mpii(release).images
    assert images["train single"] == ("alone.png",)
    assert images["train multi"] == ("two.png",)
    assert images["train nobody"] == ("empty.png",)
    assert images["test single"] == ("test alone.png",)
    assert images["test multi"] == ("test two.png",)
    assert sorted(sum(images.values(), ())) == sorted(release.people.filename)


def test_everybody_is_kept_or_dropped_for_one_reason(release):
    for counts in audit_mpii(release).counts.values():
        dropped = sum(counts[f"people {reason}"] for reason in REASONS)
        assert counts["people"] == counts["people kept"] + dropped


def test_reasons_name_what_is_lacking(release):
    counts = audit_mpii(release).counts
    assert counts["train multi"][f"people {NO_POINTS}"] == 1
    assert counts["test multi"][f"people {NO_HEAD}"] == 1
    assert counts["test multi"][f"people {NO_PLACE}"] == 1
    assert counts["train single"]["people kept"] == 1


def test_every_joint_is_visible_hidden_or_neither_is_told(release):
    for counts in audit_mpii(release).counts.values():
        kinds = ("visible", "hidden", "without visibility")
        assert counts["joints"] == sum(counts[f"joints {kind}"] for kind in kinds)
    multi = audit_mpii(release).counts["train multi"]
    assert (multi["joints hidden"], multi["joints without visibility"]) == (8, 8)
    assert audit_mpii(release).counts["test multi"]["points repeated"] == 3


def test_people_and_joints_beyond_a_known_size_are_outside(release):
    sizes = np.tile([1000, 1000], (5, 1))
    sizes[0] = 20, 10
    counts = audit_mpii(release, sizes).counts["train single"]
    assert counts[f"people {OUTSIDE}"] == 1
    assert counts["joints outside the image"] == ((JOINTS > [20, 10]).any(1)).sum()
    assert audit_mpii(release).counts["train single"]["joints outside the image"] == 0


def test_lists_lead_to_the_images_that_are_there_and_name_those_that_are_not(release, tmp_path):
    folder = tmp_path / "photos"
    save_pictures(folder, ["alone.png", "two.png"])
    audit = audit_mpii(release, image_sizes(folder, release.people.filename))
    written = write_audit(audit, tmp_path / "lists", folder)
    assert find_images(tmp_path / "lists/train_single.txt").names == ("alone.png",)
    assert (tmp_path / "lists/test_multi.txt").read_text() == ""
    missing = (tmp_path / "lists/missing.txt").read_text().splitlines()
    assert missing == ["empty.png", "test alone.png", "test two.png"]
    assert {path.parent for path in written} == {tmp_path / "lists"}


def test_lists_without_a_folder_hold_the_names_of_the_annotations(release, tmp_path):
    write_audit(audit_mpii(release), tmp_path / "lists")
    assert (tmp_path / "lists/test_single.txt").read_text() == "test alone.png\n"
    assert not (tmp_path / "lists/missing.txt").exists()


def save_pictures(folder, names):
    folder.mkdir()
    for name in names:
        cv2.imwrite(str(folder / name), np.zeros((48, 64, 3), np.uint8))
