"""Scoring a store's people, as a flow and as a command."""

import json
import uuid

import mlflow
import pytest
import typer
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)
from typer.testing import CliRunner

from flows.commands.evaluate import evaluate_keypoints as command
from flows.evaluate import evaluate_keypoints
from pose_lib.errors import InputError
from tasks.evaluate_keypoints import EXPERIMENT


@pytest.fixture
def run(api, poselift):
    """Run the command by itself."""
    app = typer.Typer()
    app.command()(command)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


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


def test_the_command_prints_one_json_object_or_a_table(run, annotated_store, tmp_path):
    told = (annotated_store, "--truth", tmp_path / "truth.json", "--out", tmp_path / "out")
    scores = json.loads(run(*told, "--json").stdout)
    assert (scores["people"], scores["found"], scores["pckh50"]) == (2, 2, None)
    table = run(*told).stdout
    assert "oks_ap50" in table
    assert "left hip" in table


@pytest.mark.parametrize(
    ("option", "culprit"),
    [("--truth", "s.zarr"), ("--sigmas", "truth.json"), ("--images", "out"), ("--out", "s.zarr")],
)
def test_bad_input_is_refused(run, annotated_store, tmp_path, option, culprit):
    given = {"--truth": "truth.json", "--out": "out", option: culprit}
    options = [text for name, place in given.items() for text in (name, tmp_path / place)]
    outcome = run(annotated_store, *options)
    assert isinstance(outcome.exception, InputError)
    assert culprit in str(outcome.exception)


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
