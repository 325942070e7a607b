import csv
import json

import numpy as np
import pytest

from pose_lib.annotations import Annotations
from pose_lib.errors import InputError
from pose_lib.evaluation.keypoint_metrics import COCO_SIGMAS
from pose_lib.evaluation.keypoint_report import score_keypoints
from pose_lib.evaluation.scores_json import write_scores
from pose_lib.evaluation.sigmas_toml import read_sigmas
from pose_lib.keypoints import Keypoints
from pose_lib.skeleton import COCO_17


@pytest.fixture
def report():
    """One person as annotated, of unknown head size."""
    people = np.random.default_rng(0).uniform(1, 99, (1, 17, 3)).astype(np.float32)
    unknown, one = np.full(1, np.nan), np.zeros(1, int)
    truth = Annotations(
        COCO_17,
        ("ä.jpg",),
        one,
        people,
        people[..., 2] > 0,
        np.full((1, 2), np.nan),
        unknown,
        unknown,
        np.full(1, 900.0),
    )
    found = Keypoints(
        COCO_17, ("ä.jpg",), np.ones((1, 2), int), one + 1, ("",), people, one, np.ones(1)
    )
    return score_keypoints(found, truth)


def test_a_figure_that_the_truth_does_not_allow_is_null(report, tmp_path):
    write_scores(report, tmp_path)
    scores = json.loads((tmp_path / "scores.json").read_bytes())
    assert (scores["pckh50"], scores["pckh_auc"]) == (None, None)
    assert [scores[name] for name in ("oks_ap", "oks_ar", "mean_oks")] == pytest.approx([1] * 3)
    nose = {"annotated": 1, "found": 1, "pckh50": None, "pckh_auc": None, "similarity": 1}
    assert scores["per_joint"]["nose"] == nose
    (image,) = scores["per_image"]
    assert (image["filename"], image["found"], image["pckh50"]) == ("ä.jpg", 1, None)


def test_the_table_has_a_row_for_each_joint(report, tmp_path):
    write_scores(report, tmp_path)
    with (tmp_path / "per_joint.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(row["joint"] for row in rows) == COCO_17.joints
    assert rows[0]["pckh50"] == ""


def test_sigmas_that_are_not_named_stay_cocos(tmp_path):
    (tmp_path / "s.toml").write_text("wrist = 0.1\nleft_hip = 1")
    expected = {**COCO_SIGMAS, "wrist": 0.1, "left_hip": 1.0}
    assert read_sigmas(tmp_path / "s.toml") == expected


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("wrists = 0.1", "no joint 'wrists'"),
        ("wrist = 0", "wrist"),
        ("wrist = nan", "wrist"),
        ("wrist = true", "wrist"),
        ('wrist = "wide"', "wide"),
        ("wrist =", "cannot read"),
    ],
)
def test_sigmas_without_meaning_are_refused(tmp_path, text, culprit):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(InputError, match=culprit) as caught:
        read_sigmas(tmp_path / "s.toml")
    assert "s.toml" in str(caught.value)
