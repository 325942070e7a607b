"""Wrong input is one line and status 2, before Prefect, Dask or MLflow are started or imported."""

import os
import subprocess
import sys

import pytest
from command_materials import write_materials

from tasks.runtime.workspace import HOME_VARIABLE

WITHOUT_SERVERS = """
import sys
for name in ("prefect", "mlflow", "dask", "distributed"):
    sys.modules[name] = None  # importing it fails
from flows.cli import main
main()
"""

CASES = [
    ("nonsense", "nonsense"),
    ("status", "see `poselift status --help`"),
    ("export full.zarr --out out", "npy, openpose, coco, csv"),
    ("extract pictures --store new.zarr --overlays file", "file is a file"),
    ("extract pictures --store new.zarr --cluster nowhere", "no cluster 'nowhere'"),
    ("extract pictures --store new.zarr --cluster broken.toml", "broken.toml"),
    ("extract pictures", "--store"),
    ("extract pictures --store new.zarr --nonsense", "--nonsense"),
    ("extract pictures --store new.zarr --workers 0", "--workers"),
    ("extract pictures --store new.zarr --workers two", "--workers"),
    ("extract pictures --store new.zarr --input-height 100", "100"),
    ("extract pictures --store new.zarr --config missing.toml", "missing.toml"),
    ("extract pictures --store new.zarr --config unknown.toml", "input_heigth"),
    ("run pictures --out out --config broken.toml", "broken.toml"),
    ("run pictures --out out --config wrong_type.toml", "steps"),
    ("extract missing --store new.zarr", "missing"),
    ("extract empty --store new.zarr", "no image in"),
    ("extract texts --store new.zarr", "no image in"),
    ("extract texts/a.txt --store new.zarr", "a.txt"),
    ("extract missing/*.jpg --store new.zarr", "missing/*.jpg"),
    ("extract pictures --store file", "file"),
    ("extract pictures --store texts", "texts"),
    ("extract pictures --store texts --overwrite", "texts"),
    ("extract pictures --store full.zarr --input-height 176", "input_height"),
    ("run pictures --out file", "file"),
    ("run pictures --out out --train-on wrong_keys.npz", "wrong_keys.npz"),
    ("export full.zarr --to docx --out out", "docx"),
    ("export missing.zarr --to npy --out out", "missing.zarr"),
    ("export texts --to npy --out out", "texts"),
    ("export full.zarr --to npy --out file", "file"),
    ("export full.zarr --to openpose --out file", "file"),
    ("export full.zarr --to coco --out file", "file"),
    ("export full.zarr --to csv --out file", "file"),
    ("status missing.zarr", "missing.zarr"),
    ("status texts", "texts"),
    ("status file", "file"),
    ("train missing.npz", "missing.npz"),
    ("train texts", "texts"),
    ("train wrong_keys.npz", "wrong_keys.npz"),
    ("train wrong_shape.npz", "wrong_shape.npz"),
    ("train few.npz", "too few people"),
    ("train full.zarr", "full.zarr"),
    ("train few.npz --config unknown_training.toml", "stepps"),
    ("sweep missing.toml few.npz", "missing.toml"),
    ("sweep broken.toml few.npz", "broken.toml"),
    ("sweep sweep.toml missing.npz", "missing.npz"),
    ("sweep sweep.toml few.npz", "too few people"),
    ("sweep sweep.toml few.npz --truth wrong_keys.npz", "wrong_keys.npz"),
    ("sweep sweep.toml few.npz --seeds one", "'one'"),
    ("sweep wrong_sweep.toml few.npz", "flexoin_weight"),
    ("lift pictures --out out --model nowhere", "nowhere"),
    ("lift full.zarr --out out --model nowhere", "nowhere"),
    ("lift full.zarr --out file", "file"),
    ("lift missing.zarr --out out", "missing.zarr"),
    ("evaluate lifter --truth missing.npz", "missing.npz"),
    ("evaluate lifter --truth wrong_keys.npz", "wrong_keys.npz"),
    ("evaluate lifter --truth wrong_truth.npz", "kp2d_body25"),
    ("evaluate lifter --truth truth.npz --model nowhere", "nowhere"),
    ("evaluate lifter --truth truth.npz --model texts", "texts"),
    ("evaluate lifter --truth truth.npz --input loud", "loud"),
    ("--home file models list", "file"),
    ("extract pictures --store new.zarr --config other_detector.toml", "no detector 'nobody'"),
    ("extract pictures --store new.zarr --config other_model.toml", "no OpenPose model 'body_26'"),
    ("extract pictures --store new.zarr --config no_weights.toml", "the weights of body_25"),
    ("extract pictures --store new.zarr --select annotated --annotations texts/a.txt", "a.txt"),
    ("extract pictures --store new.zarr --select tallest", "tallest"),
    ("run missing --out out", "missing"),
    ("run pictures --out out --config other_lifter.toml", "nowhere"),
    ("retry missing.zarr", "missing.zarr"),
    ("retry full.zarr --images missing", "missing"),
    ("retry full.zarr --config small.toml", "input_height"),
    ("select missing.zarr --select largest", "missing.zarr"),
    ("lift missing.jpg --out out", "missing.jpg"),
    ("lift broken.json --out out", "broken.json"),
    ("lift pictures --out out --model models:/pose-lifter", "models:/pose-lifter/3 is"),
    ("bone-lengths missing.npz", "missing.npz"),
    ("bone-lengths few.npz --model nowhere", "nowhere"),
    ("mpii missing.mat", "missing.mat"),
    ("evaluate keypoints missing.zarr --truth missing.json", "missing.zarr"),
    ("evaluate keypoints full.zarr --truth missing.json", "missing.json"),
    ("evaluate keypoints full.zarr --truth broken.json", "broken.json"),
    ("evaluate keypoints full.zarr --truth missing.json --sigmas broken.toml", "broken.toml"),
    ("evaluate keypoints full.zarr --truth missing.json --out full.zarr", "is a store"),
    ("evaluate pixels --images pictures --truth missing.npz", "missing.npz"),
    ("evaluate pixels --images pictures --truth wrong_keys.npz", "wrong_keys.npz"),
    ("evaluate pixels --images pictures --truth truth.npz --model nowhere", "nowhere"),
]
ONE_OF_A_KIND = (
    "extract missing --store",
    "train missing.npz",
    "lift missing.jpg",
    "other_detector",
    "no_weights",
    "run pictures --out out --config broken",
    "full.zarr --input-height 176",
    'evaluate keypoints full.zarr --truth missing.json"',
    "evaluate lifter --truth missing",
    "evaluate pixels --images pictures --truth missing",
    "retry missing",
    "export missing",
    "select missing",
    "bone-lengths missing",
    "mpii missing",
    "sweep missing",
    "--cluster nowhere",
    "extract pictures --store new.zarr --nonsense",
)


@pytest.mark.parametrize(("command", "culprit"), CASES)
def test_wrong_input_is_one_line_that_names_the_culprit_and_nothing_is_started(
    poselift, materials, monkeypatch, command, culprit
):
    home = materials / "home"
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    monkeypatch.setattr("flows.session.prefect_api", None)
    before = _contents(materials)
    outcome = poselift(*command.split())
    assert (outcome.status, outcome.out) == (2, ""), outcome.err
    assert culprit in _only_line(outcome.err)
    assert _contents(materials) == before


@pytest.mark.parametrize(
    ("command", "culprit"),
    [case for case in CASES if any(part in case[0] for part in ONE_OF_A_KIND)],
)
def test_wrong_input_is_told_before_a_server_is_imported(materials, command, culprit):
    home = {HOME_VARIABLE: str(materials / "home")}
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_SERVERS, *command.split()],
        cwd=materials,
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    assert culprit in _only_line(ended.stderr)
    assert not (materials / "home").exists()


@pytest.mark.parametrize(
    ("command", "culprit"),
    [
        ("evaluate lifter --truth truth.npz --model models:/pose-lifter@nobody", "@nobody"),
        ("evaluate lifter --truth truth.npz --model models:/pose-lifter/99", "/99"),
        ("models promote 99", "99"),
        ("models rollback", "champion"),
    ],
)
def test_what_only_the_registry_knows_is_one_line_too(poselift, materials, command, culprit):
    outcome = poselift(*command.split())
    assert (outcome.status, outcome.out) == (2, ""), outcome.err
    assert culprit in _only_line(outcome.err)


@pytest.fixture
def materials(tmp_path):
    """What the commands are given, in the current folder."""
    write_materials(tmp_path)
    return tmp_path


def _only_line(err):
    (line,) = err.splitlines()
    return line


def _contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
