"""Scoring a store's people, as a flow and as a command."""

import json
import uuid

import mlflow
import numpy as np
import pytest
from made_benchmarks import write_h36m, write_mpi_3dhp
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)

from flows.evaluate import evaluate_keypoints
from pose_lib.convert import convert_keypoints
from pose_lib.skeleton import COCO_17
from pose_lib.store import read_keypoints
from tasks.evaluate_keypoints import EXPERIMENT


def test_the_report_reaches_the_disk_mlflow_and_the_run_page(api, annotated_store, tmp_path):
    truth, out = tmp_path / "truth.json", tmp_path / "out"
    scores = evaluate_keypoints(annotated_store, truth, out)
    assert scores["oks_ap"] == pytest.approx(1, abs=1e-6)
    assert (out / "report.html").stat().st_size > 10_000
    run = mlflow.get_run(scores["run_id"])
    assert mlflow.get_experiment(run.info.experiment_id).name == EXPERIMENT
    page = _page_of(run.data.tags["prefect.flow_run_id"])
    assert "| oks_ap | 1.000 |" in page
    assert page.count("data:image/png;base64,iVBOR") == 3
    assert scores["run_id"] in page


def test_the_command_prints_one_json_object_or_a_table(api, poselift, annotated_store):
    told = ("evaluate", "keypoints", annotated_store, "--truth", "truth.json", "--out", "out")
    scores = json.loads(poselift(*told, "--json").out)
    assert (scores["people"], scores["found"], scores["pckh50"]) == (2, 2, None)
    table = poselift(*told).out
    assert "oks_ap50" in table
    assert "left hip" in table


@pytest.mark.parametrize(
    ("option", "culprit"),
    [("--truth", "s.zarr"), ("--sigmas", "truth.json"), ("--images", "out"), ("--out", "s.zarr")],
)
def test_bad_input_is_refused(api, poselift, annotated_store, option, culprit):
    given = {"--truth": "truth.json", "--out": "out", option: culprit}
    options = [text for pair in given.items() for text in pair]
    outcome = poselift("evaluate", "keypoints", annotated_store, *options)
    assert outcome.status == 2
    assert culprit in outcome.err.splitlines()[-1]
    assert outcome.out == ""


def test_pictures_are_scored_from_the_pixels_on(api, poselift, pictures, tmp_path):
    assert poselift("extract", pictures, "--store", "s.zarr", "--max-failure-rate", 0.5).status == 0
    n_found = _write_truth_as_found(tmp_path)
    told = ("evaluate", "pixels", "--images", "pictures", "--truth", "truth.npz")
    scores = json.loads(poselift(*told, "--store", "s.zarr", "--json").out)
    assert scores["people"] == n_found + 1  # somebody stands where nobody was found
    assert scores["found"] == scores["poses"] == n_found
    assert scores["pck_2d"] == pytest.approx(n_found / (n_found + 1))
    assert scores["pck150_all"] < scores["pck150"]
    kept = ("--store", "s.zarr", "--predictions", "p.npz", "--worst", "worst")
    table = poselift(*told, *kept).out
    assert "pck150_all" in table
    assert "left_wrist" in table
    with np.load("p.npz", allow_pickle=False) as written:
        assert written["poses3d"].shape == (n_found, 15, 3)
        assert written["person"].tolist() == list(range(n_found))
    assert len(list((tmp_path / "worst").glob("*.png"))) == n_found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": ["astronaut.jpg", "elsewhere.jpg"]}, "1 of the 2 pictures"),
        ({"vis": None}, "lacks vis"),
        ({"image_index": [1, 1, 1]}, "none of the 3 people"),
    ],
)
def test_pictures_and_truth_that_do_not_belong_together_are_refused(
    api, poselift, pictures, changes, message
):
    arrays = {"files": ["astronaut.jpg", "coffee.jpg"], "image_index": [0, 0, 1]}
    _write_truth(np.full((3, 17, 2), 5.0), **(arrays | changes))
    outcome = poselift("evaluate", "pixels", "--images", "pictures", "--truth", "truth.npz")
    assert outcome.status == 2
    assert message in outcome.err.splitlines()[-1]
    assert "truth.npz" in outcome.err.splitlines()[-1]
    assert outcome.out == ""


def test_a_lifter_is_scored_on_human36m_by_action(poselift, tmp_path):
    truth, poses2d, _ = write_h36m(tmp_path)
    told = ("evaluate", "lifter", "--truth", truth)
    scores = json.loads(poselift(*told, "--poses2d", poses2d, "--json").out)
    assert scores["subjects"] == ["S9", "S11"]
    assert set(scores["per_action"]) == {"Walking", "Photo"}
    assert scores["poses"] == sum(action["poses"] for action in scores["per_action"].values())
    assert "mean" in poselift(*told, "--poses2d", poses2d).out
    assert poselift(*told).status == 2


def test_a_lifter_is_scored_on_mpi_inf_3dhp_by_sequence(poselift, tmp_path):
    scores = json.loads(
        poselift("evaluate", "lifter", "--truth", write_mpi_3dhp(tmp_path), "--json").out
    )
    assert set(scores["per_sequence"]) == {"TS1", "TS2"}
    assert scores["pa_mpjpe_15"] is None
    assert 0 <= scores["pck150_13"] <= scores["pck150"] <= 1


def _write_truth_as_found(folder):
    """Write a truth of those found whole, flat, and one more; return how many were found."""
    keypoints = read_keypoints(folder / "s.zarr")
    whole = convert_keypoints(keypoints.keypoints, keypoints.skeleton, COCO_17)
    complete = (whole[..., 2] > 0).sum(1) >= 12
    image = keypoints.image[complete].tolist()
    whole = np.concatenate([whole[complete], whole[complete][:1]])
    whole[-1, :, :2] = np.random.default_rng(0).uniform(0, 3000, (17, 2))
    _write_truth(
        np.nan_to_num(whole[..., :2]),
        vis=2 * (whole[..., 2] > 0),
        files=keypoints.filename,
        image_index=[*image, image[0]],
    )
    return len(whole) - 1


def _write_truth(xy, **arrays):
    depth = np.random.default_rng(0).normal(0, 100, xy[..., :1].shape)
    whole = {
        "kp_names": COCO_17.joints,
        "kp2d": xy,
        "vis": np.full(xy.shape[:2], 2),
        "kp3d_cam_mm": np.concatenate([3 * xy, depth], axis=-1),
        **arrays,
    }
    np.savez("truth.npz", **{key: array for key, array in whole.items() if array is not None})


def _page_of(flow_run_id):
    """Return the text that the flow run put on its page."""
    of_run = ArtifactFilterFlowRunId(any_=[uuid.UUID(flow_run_id)])
    with get_client(sync_client=True) as client:
        (artifact,) = client.read_artifacts(
            artifact_filter=ArtifactFilter(
                flow_run_id=of_run, key=ArtifactFilterKey(any_=["keypoints"])
            )
        )
    return str(artifact.data)
