"""The report's figures and page, for few and many images and where little is known."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pose_lib.annotations import Annotations
from pose_lib.evaluation.keypoint_report import score_keypoints
from pose_lib.keypoints import Keypoints
from pose_lib.plots.figures import png_bytes
from pose_lib.plots.keypoint_curves import in_body_order, kinds_of_joints
from pose_lib.plots.keypoint_page import (
    report_figures,
    report_notes,
    report_page,
    worst_sheets,
)
from pose_lib.skeleton import MPII_16

SIZE = (60, 80)


def made_up(n_images, *, head=20.0, area=900.0):
    """One person in each image, annotated and found a little beside."""
    rng = np.random.default_rng(0)
    people = rng.uniform(5, 55, (n_images, 16, 3)).astype(np.float32)
    people[..., 2] = 1
    names, rows = tuple(f"{row:02}.jpg" for row in range(n_images)), np.arange(n_images)
    unknown = np.full(n_images, np.nan)
    truth = Annotations(
        MPII_16,
        names,
        rows,
        people,
        people[..., 2] > 0,
        np.full((n_images, 2), np.nan),
        unknown,
        np.full(n_images, head),
        np.full(n_images, area),
    )
    found = people + rng.normal(0, 4, people.shape).astype(np.float32) * [1, 1, 0]
    keypoints = Keypoints(
        MPII_16,
        names,
        np.tile(SIZE[::-1], (n_images, 1)),
        np.ones(n_images, int),
        ("",) * n_images,
        found.astype(np.float32),
        rows,
        np.ones(n_images),
    )
    return keypoints, truth


def report_of(keypoints, truth):
    sigmas = dict.fromkeys(MPII_16.joints, 0.1)
    return score_keypoints(keypoints, truth, sigmas=sigmas)


def grey(name):
    return np.full((*SIZE, 3), 128, np.uint8)


def picture(figure):
    return np.asarray(Image.open(io.BytesIO(png_bytes(figure))).convert("RGB"))


@pytest.mark.parametrize("n_images", [1, 5, 14])
def test_every_figure_is_drawn_and_the_sheet_shows_twelve_at_most(n_images):
    keypoints, truth = made_up(n_images)
    report = report_of(keypoints, truth)
    figures = report_figures(report, keypoints, grey)
    assert list(figures) == ["pckh", "precision_recall", "joints", "worst"]
    assert len(figures["worst"].axes) == min(n_images, 12)
    for figure in figures.values():
        assert picture(figure).std() > 1  # something is on it
    labels = [axes.texts[0].get_text() for axes in figures["worst"].axes]
    assert labels == sorted(labels)
    assert labels[0] == f"PCKh {report.worst(1)[0].score:.2f}"


def test_wrong_and_missed_joints_are_marked_in_a_color_that_right_ones_lack():
    keypoints, truth = made_up(1)
    right = replace(keypoints, keypoints=truth.keypoints)
    missed = truth.keypoints.copy()
    missed[:, 3] = np.nan, np.nan, 0
    magenta = [
        magenta_pixels(report_figures(report_of(found, truth), found, grey)["worst"])
        for found in (right, replace(keypoints, keypoints=missed))
    ]
    in_the_legend = magenta[0]
    assert magenta[1] > in_the_legend + 20


def magenta_pixels(figure):
    red, green, blue = np.moveaxis(picture(figure).astype(int), -1, 0)
    return int(((red > 200) & (green < 40) & (blue > 90)).sum())


def test_sheets_hold_as_many_images_as_asked_for():
    keypoints, truth = made_up(5)
    sheets = worst_sheets(report_of(keypoints, truth), keypoints, grey, per_sheet=2)
    assert [len(sheet.axes) for sheet in sheets] == [2, 2, 1]


def test_without_photographs_there_is_no_sheet():
    keypoints, truth = made_up(2)
    assert "worst" not in report_figures(report_of(keypoints, truth), keypoints, lambda name: None)


def test_where_nobody_is_found_the_figures_stand_at_zero():
    keypoints, truth = made_up(2)
    nobody = replace(
        keypoints,
        keypoints=keypoints.keypoints[:0],
        image=keypoints.image[:0],
        score=keypoints.score[:0],
    )
    report = report_of(nobody, truth)
    figures = report_figures(report, nobody, grey)
    assert list(figures) == ["pckh", "precision_recall", "joints", "worst"]
    assert report.figures()["oks_ap"] == report.figures()["pckh50"] == 0


def test_figures_that_the_annotations_do_not_allow_are_left_out_and_named():
    keypoints, truth = made_up(2, area=np.nan)
    report = report_of(keypoints, truth)
    assert list(report_figures(report, keypoints, grey)) == ["pckh", "joints", "worst"]
    assert any(note.startswith("No OKS") for note in report_notes(report))


def test_missing_images_and_measured_heads_are_told():
    keypoints, truth = made_up(3)
    two = replace(
        truth,
        filename=("00.jpg", "01.jpg", "gone.jpg"),
        head_size=np.full(3, np.nan),
    )
    told = " ".join(report_notes(report_of(keypoints, two)))
    assert "gone.jpg" in told
    assert "2 of 2 people have no annotated head size" in told


def test_the_page_needs_nothing_else_and_escapes_names():
    keypoints, truth = made_up(2)
    report = report_of(keypoints, truth)
    page = report_page(report, "<b>.zarr", ["a < b"], {"joints": b"\x89PNG"})
    assert "<h1>&lt;b&gt;.zarr</h1>" in page
    assert "a &lt; b" in page
    assert all(source.startswith("data:") for source in re.findall(r'src="([^"]*)"', page))
    assert len(re.findall("<tr>", page)) == 1 + len(MPII_16)
    assert "nan" not in page


def test_joints_go_from_the_head_down_and_kinds_join_both_sides():
    order = in_body_order(MPII_16.joints)
    assert (order[0], order[-2:]) == ("head_top", ["right_ankle", "left_ankle"])
    kinds = kinds_of_joints(MPII_16.joints)
    assert kinds["wrist"] == ("right_wrist", "left_wrist")
    assert sorted(sum(kinds.values(), ())) == sorted(MPII_16.joints)
