"""Scoring a store's people against annotations, without a flow around it."""

import json
import shutil

import cv2
import mlflow
import numpy as np
import pytest

from pose_lib.errors import InputError
from tasks.artifacts import MAX_PICTURE_BYTES
from tasks.evaluate_keypoints import EXPERIMENT, facts, log_evaluation, score_store
from tasks.mlflow_tracking.client import connect

REPORT = {"report.html", "scores.json", "per_joint.csv", "joints.png", "precision_recall.png"}


@pytest.fixture
def store(annotated_store):
    return annotated_store


def names(folder):
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_the_report_is_written_and_shown(store, tmp_path):
    out = tmp_path / "out"
    scores, pictures = score_store.fn(store, tmp_path / "truth.json", out, None, None)
    assert names(out) == REPORT | {"worst.png"}
    assert (scores["people"], scores["found"], scores["images_missing"]) == (2, 2, [])
    assert scores["oks_ap"] == pytest.approx(1, abs=1e-6)
    assert scores["pckh50"] is None
    assert json.loads((out / "scores.json").read_text())["mean_oks"] == scores["mean_oks"]
    assert [picture.caption for picture in pictures][-1] == "The worst pictures"
    assert all(len(picture.png) <= MAX_PICTURE_BYTES for picture in pictures)
    assert facts(scores)["oks_ap"] == "1.000"
    assert "pckh50" not in facts(scores)


def test_without_photographs_the_report_says_so_and_an_older_sheet_goes(store, tmp_path):
    out = tmp_path / "out"
    score_store.fn(store, tmp_path / "truth.json", out, None, None)
    shutil.move(tmp_path / "images", tmp_path / "moved")
    scores, _ = score_store.fn(store, tmp_path / "truth.json", out, None, None)
    assert names(out) == REPORT
    assert any("--images" in note for note in scores["notes"])
    assert "--images" in (out / "report.html").read_text()
    score_store.fn(store, tmp_path / "truth.json", out, tmp_path / "moved", None)
    assert names(out) == REPORT | {"worst.png"}


def test_sigmas_of_a_file_change_the_similarity(store, tmp_path):
    truth = json.loads((tmp_path / "truth.json").read_text())
    for entry in truth["annotations"]:
        entry["keypoints"][0::3] = [x + 5 for x in entry["keypoints"][0::3]]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "wide.toml").write_text("wrist = 0.5\nnose = 0.5")
    strict, wide = (
        score_store.fn(store, tmp_path / "truth.json", tmp_path / "out", None, sigmas)[0]
        for sigmas in (None, tmp_path / "wide.toml")
    )
    assert wide["mean_oks"] > strict["mean_oks"]


def test_images_of_another_folder_are_refused(store, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    cv2.imwrite(str(tmp_path / "elsewhere" / "c.jpg"), np.zeros((9, 9, 3), np.uint8))
    places = (tmp_path / "truth.json", tmp_path / "out", tmp_path / "elsewhere")
    with pytest.raises(InputError, match="elsewhere"):
        score_store.fn(store, *places, sigmas=None)


def test_mlflow_keeps_figures_and_report_in_an_experiment_of_its_own(workspace, store, tmp_path):
    out = tmp_path / "out"
    truth = tmp_path / "truth.json"
    scores, _ = score_store.fn(store, truth, out, None, None)
    run = connect().get_run(log_evaluation.fn(scores, store, truth, out))
    experiment = connect().get_experiment(run.info.experiment_id)
    assert experiment.name == EXPERIMENT
    assert run.data.metrics["oks_ap"] == pytest.approx(1, abs=1e-6)
    assert run.data.metrics["similarity/left_hip"] == pytest.approx(1, abs=1e-6)
    assert "pckh50" not in run.data.metrics
    assert run.data.params["weights"] == "weights"
    kept = {file.path for file in mlflow.artifacts.list_artifacts(run_id=run.info.run_id)}
    assert kept == REPORT | {"worst.png", "detector.json"}
