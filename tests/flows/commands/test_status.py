"""The ledger as its users meet it: told, tolerated up to a share, tried again; one run a store."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from left_over import left_over, marked
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from pose_lib.datasets.sample import sample_images
from pose_lib.store import read_keypoints, read_ledger
from pose_lib.store.lock import current_holder, lock_store
from tasks.runtime.workspace import HOME_VARIABLE

EXTRACT = "extract pictures --store s.zarr --input-height 176 --overlays drawn"
RETRY = "retry s.zarr --json"
HOLD = """
import sys, time
from pathlib import Path
from pose_lib.store.lock import lock_store

with lock_store(Path(sys.argv[1]), "flow run amber-fox", wait=0.0, tell=print):
    print("held", flush=True)
    time.sleep(60)
"""


def said(outcome):
    """Return the last line for people, which tells how it ended."""
    return outcome.err.strip().splitlines()[-1]


def test_what_gave_nothing_is_told_tolerated_and_mended(api, poselift, pictures, tmp_path):
    failed = poselift(*EXTRACT.split())
    assert failed.status == 1
    assert "1 of 4 images (25.0%)" in said(failed)
    for what in ("broken.jpg", "max_failure_rate", "status", "--failed", "poselift retry"):
        assert what in said(failed)
    assert read_keypoints("s.zarr").n_images == 4  # all is kept
    assert {path.name for path in (tmp_path / "drawn").glob("*.jpg")} == {
        *("astronaut.jpg", "coffee.jpg", "demo_kick.jpg")
    }
    assert poselift(*EXTRACT.split(), "--max-failure-rate", 0.25).status == 0

    _status_tells(poselift)
    _page_has_the_faulty_first()

    pictures.rename(tmp_path / "moved")
    gone = poselift(*RETRY.split())
    assert (gone.status, gone.out) == (2, "")
    assert str(pictures) in said(gone)
    assert "--images" in said(gone)
    still = poselift(*RETRY.split(), "--images", "moved", "--max-failure-rate", 0)
    assert (still.status, still.out) == (1, "")
    assert "0 of 1 images mended" in still.err

    again = poselift(*RETRY.split(), "--images", "moved")  # the share of the last extraction
    assert json.loads(again.out)["became"] == {"unreadable": {"unreadable": 1}}
    before = read_ledger("s.zarr")
    assert before.attempts.tolist() == [1, 3, 1, 1]

    shutil.copy(sample_images() / "demo_wave.jpg", tmp_path / "moved" / "broken.jpg")
    (tmp_path / "moved" / "astronaut.jpg").write_text("would be unreadable if it were looked at")
    mended = poselift(*RETRY.split())
    assert mended.status == 0, mended.err
    assert json.loads(mended.out)["became"] == {"unreadable": {"ok": 1}}
    after = read_ledger("s.zarr")
    others = [row for row, name in enumerate(before.filename) if name != "broken.jpg"]
    for column in ("digest", "attempts", "seconds", "status"):
        was, now = getattr(before, column), getattr(after, column)
        assert [was[row] for row in others] == [now[row] for row in others]
    assert json.loads(poselift(*RETRY.split()).out)["became"] == {}


def _status_tells(poselift):
    shown = poselift("status", "s.zarr").out
    assert "25.0%" in shown
    assert "poselift retry s.zarr" in shown.replace(os.getcwd() + "/", "")  # noqa: PTH109
    told = json.loads(poselift("status", "s.zarr", "--json").out)
    assert (told["images"], told["ok"], told["no person"], told["unreadable"]) == (4, 2, 1, 1)
    assert [fault["filename"] for fault in told["reasons"]] == ["broken.jpg"]
    assert told["published"]
    assert told["holder"] is None
    assert told["attempts"] >= 4
    assert told["seconds"] > 0
    listed = poselift("status", "s.zarr", "--failed", "--csv", "ledger.csv")
    (line,) = listed.out.splitlines()
    assert line.split("\t")[:2] == ["broken.jpg", "unreadable"]
    assert "retry" in listed.err
    with open("ledger.csv", newline="") as file:  # noqa: PTH123
        rows = list(csv.DictReader(file))
    assert [row["filename"] for row in rows] == list(read_ledger("s.zarr").filename)


def _page_has_the_faulty_first():
    with get_client(sync_client=True) as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=["ledger-images"]))
        found = client.read_artifacts(artifact_filter=wanted)  # other tests' too, in any order
    artifact = max(found, key=lambda artifact: artifact.created)
    rows = json.loads(artifact.data) if isinstance(artifact.data, str) else artifact.data
    assert rows[0]["filename"] == "broken.jpg"
    assert rows[0]["status"] == "unreadable"
    assert "--csv" in artifact.description


def test_overlays_go_with_their_images_and_nothing_else_does(api, poselift, pictures, tmp_path):
    (pictures / "broken.jpg").unlink()
    assert poselift(*EXTRACT.split()).status == 0
    (tmp_path / "drawn" / "mine.jpg").write_text("not the program's")
    (pictures / "coffee.jpg").unlink()
    assert poselift(*EXTRACT.split()).status == 0
    left = {path.name for path in (tmp_path / "drawn").glob("*.jpg")}
    assert left == {"astronaut.jpg", "demo_kick.jpg", "mine.jpg"}


def test_lifting_is_for_what_can_be_lifted(api, poselift, pictures):
    alone = poselift("lift", "pictures/broken.jpg", "--out", "alone")
    assert alone.status == 2
    assert "broken.jpg: " in said(alone)
    assert "the JPEG data is cut short" in said(alone)
    together = poselift("lift", "pictures", "--out", "together", "--people", 1, "--json")
    assert together.status == 0, together.err
    assert json.loads(together.out)["lifted"] >= 1
    assert "broken.jpg: " in together.err


@pytest.fixture
def holder(tmp_path):
    """A process that holds the store that the commands want."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "s.zarr")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_held_store_is_refused_and_its_holder_named(api, poselift, pictures, holder):
    refused = poselift(*EXTRACT.split(), "--lock-timeout", 0)
    assert (refused.status, refused.out) == (2, "")
    assert f"flow run amber-fox (process {holder.pid} on " in said(refused)
    shown = poselift("status", "s.zarr")
    assert shown.status == 0
    assert f"flow run amber-fox (process {holder.pid} on " in shown.out
    assert json.loads(poselift("status", "s.zarr", "--json").out)["holder"]["pid"] == holder.pid


def test_a_store_is_taken_over_from_a_holder_that_was_killed(api, poselift, pictures, holder):
    os.kill(holder.pid, signal.SIGKILL)
    taken = poselift(*EXTRACT.split(), "--lock-timeout", 5, "--max-failure-rate", 1)
    assert taken.status == 0, taken.err
    assert current_holder(pictures.parent / "s.zarr") is None
    select = ("select", "s.zarr", "--select", "largest")
    with lock_store(pictures.parent / "s.zarr", "me", wait=0.0, tell=lambda *_: None):
        assert "held by me" in said(poselift(*select, "--lock-timeout", 0))
    assert poselift(*select).status == 0


def test_two_runs_at_once_both_end_well_and_the_second_says_whom_it_waited_for(
    workspace, pictures, tmp_path
):
    mark = marked()
    first, second = (_start(tmp_path, home, mark) for home in ("home_1", "home_2"))
    outcomes = [run.communicate(timeout=240) for run in (first, second)]
    assert [run.returncode for run in (first, second)] == [0, 0], outcomes
    waited = [err for _, err in outcomes if "is held by flow run" in err]
    assert len(waited) == 1
    assert [json.loads(out)["ok"] for out, _ in outcomes] == [2, 2]
    ledger = read_ledger(tmp_path / "s.zarr")
    assert ledger.attempts.tolist() == [1, 1, 1, 1]
    assert left_over(mark) == []


def _start(folder, home, mark):
    environment = {**os.environ, **mark, HOME_VARIABLE: str(folder / home), "POSELIFT_WORKERS": "1"}
    for name in ("PREFECT_API_URL", "PREFECT_HOME"):
        environment.pop(name, None)
    command = [*EXTRACT.split()[:-2], "--max-failure-rate", "1", "--json"]
    run = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.1)
    return run
