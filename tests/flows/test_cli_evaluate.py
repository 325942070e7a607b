"""Scoring a store's people, as a flow and as a command."""

import json
import uuid

import mlflow
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)

from flows.evaluate import evaluate_keypoints
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
