"""Each example runs as a user runs it: by itself, in a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_store import make_annotated_store

from pose_lib.datasets.sample import sample_poses
from pose_lib.lifting.files.lifter_folder import bundled_lifter, save_lifter
from pose_lib.training_data import read_training_poses
from tasks.mlflow_tracking.client import tracked_run
from tasks.mlflow_tracking.registry import register_lifter

EXAMPLES = Path(__file__).parents[2] / "examples"


def no_preparation(folder):
    return []


def store(folder):
    return [str(make_annotated_store(folder))]


def registered_lifter(folder):
    """Register the bundled lifter in a new SQLite database, as the end of a training does."""
    save_lifter(bundled_lifter(), folder / "lifter")
    with tracked_run("made for this test"):
        register_lifter(folder / "lifter", read_training_poses([sample_poses()]).poses[:2])
    return []


@pytest.mark.parametrize(
    ("script", "prepare", "says", "writes"),
    [
        ("photo_to_3d", no_preparation, "1 people, 3D poses of shape (1, 15, 3)", "person_0.png"),
        ("store_with_xarray", store, "Dimensions:", None),
        ("own_2d_to_3d", no_preparation, "imputed: left_wrist", None),
        (
            "registered_lifter",
            registered_lifter,
            "loaded models:/pose-lifter@champion",
            "registered_lifter.png",
        ),
        ("custom_detector", no_preparation, "1 person, on BODY_15", "own.png"),
    ],
)
def test_example_runs(tmp_path, monkeypatch, script, prepare, says, writes):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("POSELIFT_HOME", raising=False)
    printed = run(tmp_path, str(EXAMPLES / f"{script}.py"), *prepare(tmp_path))
    assert says in printed
    if writes:
        assert (tmp_path / writes).stat().st_size > 10_000


def test_every_example_is_tested():
    tested = test_example_runs.pytestmark[0].args[1]
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {case[0] for case in tested}


def test_an_installed_package_offers_its_detector_by_name(tmp_path):
    info = tmp_path / "own_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-package\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[poselift.detectors]\nown = custom_detector\n")
    code = "import pose_lib; print(type(pose_lib.load_detector('own')).__name__)"
    assert run(tmp_path, "-c", code, path=[EXAMPLES, tmp_path]) == "OwnDetector\n"


def run(folder, *arguments, path=()):
    """Run Python in a folder, with a workspace of its own; return what it prints."""
    root = Path(__file__).parents[2]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "POSELIFT"))}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (*path, root)))
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
