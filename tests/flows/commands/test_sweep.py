"""A sweep as its users run it: on the workers, cut short, and run again."""

import csv
import json
import uuid

import pytest
from mlflow import MlflowClient
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

from pose_lib.datasets.sample import sample_poses

BASE = """
seeds = [0, 1]

[base]
gan = { n_generators = 1, steps = 6, batch = 16, width = 16 }
distill = { steps = 6, batch = 16, width = 16 }

[variants.ours]
"""
SWEEP = (
    BASE
    + """
[variants."no flexion loss"]
gan.flexion_weight = 0

[variants.diverged]
gan.instance_noise_std = 0.0
diagnostics = { every = 2, begin = 0, patience = 2, min_depth_spread = 1 }
"""
)


@pytest.fixture
def sweep_file(tmp_path):
    path = tmp_path / f"sweep-{uuid.uuid4().hex[:8]}.toml"  # a sweep of its own for each test
    path.write_text(SWEEP)
    return path


def test_a_sweep_leaves_a_run_with_children_a_table_and_a_figure(
    api, poselift, workspace, sweep_file, truth, tmp_path
):
    told = ("sweep", sweep_file, sample_poses(), "--truth", truth, "--json")
    first = poselift(*told)
    assert first.status == 0, first.err
    rows = json.loads(first.out)
    assert [row["seed"] for row in rows] == [0, 0, 0, 1, 1, 1]
    assert [bool(row["diverged"]) for row in rows] == [False, False, True] * 2
    assert all(row["pa_mpjpe"] > 0 for row in rows if not row["diverged"])

    again = poselift(*told, "--out", "results")
    assert json.loads(again.out) == rows  # seconds, too: nothing was trained again
    parent, children = _runs(workspace, sweep_file.stem)
    assert len([one for one in children if one.info.status == "FINISHED"]) == 4
    assert parent.info.status == "FINISHED"
    names = {file.path for file in MlflowClient().list_artifacts(parent.info.run_id)}
    assert names == {"sweep.csv", "sweep.md", "sweep.png"}
    table = list(csv.DictReader((tmp_path / "results" / "sweep.csv").open()))
    assert [float(row["pa_mpjpe"] or 0) for row in table] == [
        row.get("pa_mpjpe", 0) for row in rows
    ]
    assert "| diverged | 0, 2 diverged |" in _page_of(parent.data.tags["prefect.flow_run_id"])


def test_a_variant_added_later_joins_the_others(api, poselift, workspace, sweep_file):
    told = ("sweep", sweep_file, sample_poses(), "--seeds", "5", "--json")
    sweep_file.write_text(BASE)
    poselift(*told)
    _, before = _runs(workspace, sweep_file.stem)
    sweep_file.write_text(BASE + "\n[variants.later]\ngan.r1_weight = 0.02\n")
    rows = json.loads(poselift(*told).out)
    assert [row["variant"] for row in rows] == ["ours", "later"]
    _, after = _runs(workspace, sweep_file.stem)
    finished = {run.info.run_id for run in before if run.info.status == "FINISHED"}
    now_finished = {run.info.run_id for run in after if run.info.status == "FINISHED"}
    assert finished < now_finished
    assert len(now_finished) == 2


def test_people_read_a_short_table_and_why_trainings_were_stopped(api, poselift, sweep_file):
    outcome = poselift("sweep", sweep_file, sample_poses(), "--seeds", "0")
    assert "no flexion loss" in outcome.out
    assert max(map(len, outcome.out.splitlines())) < 90
    assert "diverged, seed 0: stopped in gan 1 at step 4 of 6" in outcome.err


def _runs(workspace, name):
    """Return the run of the sweep of that name, and its children."""
    client = MlflowClient(workspace.tracking_uri)
    experiment = client.get_experiment_by_name("pose-lifting-sweeps").experiment_id
    (parent,) = client.search_runs([experiment], f"tags.sweep = '{name}'")
    of_it = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    return parent, client.search_runs([experiment], of_it)


def _page_of(flow_run_id):
    of_run = ArtifactFilterFlowRunId(any_=[uuid.UUID(flow_run_id)])
    with get_client(sync_client=True) as client:
        (artifact,) = client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id=of_run))
    return str(artifact.data)
