"""The command line: help at once, and one clear line for everything that is wrong."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import typer
from odd_pictures import SHOW_NOBODY, SHOW_THE_PERSON, UNREADABLE, make_odd_pictures
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.cli import app
from flows.config import PipelineConfig
from flows.local.servers import free_port
from pose_lib.config import read_config
from pose_lib.datasets.sample import sample_images, sample_poses
from pose_lib.extract.image_result import ImageResult, join_results
from pose_lib.extract_config import ExtractConfig
from pose_lib.formats.npy_pair import read_npy_pair
from pose_lib.formats.openpose_json import read_openpose
from pose_lib.keypoints import ImageStatus, People
from pose_lib.skeleton import COCO_18, MPII_16
from pose_lib.store import open_store, publish, read_keypoints, write_shard
from tasks.extract import provenance

HEAVY = {"torch", "prefect", "mlflow", "dask", "distributed", "cv2", "zarr", "matplotlib"}
DIVERGED_TRAINING = """
[train]
gan = { n_generators = 1, steps = 6, batch = 16, width = 16 }
diagnostics = { every = 2, begin = 0, patience = 2, min_depth_spread = 1 }
"""
PROGRESS = re.compile(
    r"(start|detection|evaluation|overlays|training|sweep|3D figures): \d+ of \d+"
)


def _commands(group, path=()):
    for name, command in group.commands.items():
        inner = hasattr(command, "commands")
        yield from _commands(command, (*path, name)) if inner else [((*path, name), command)]


COMMANDS = dict(_commands(typer.main.get_command(app)))


def test_help_comes_without_a_heavy_import():
    program = f"""
import sys
from flows.cli import main
sys.argv = ["poselift", "--help"]
try:
    main()
finally:
    print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)
"""
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stderr.strip() == "[]"
    assert all(command[0] in shown.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_and_option_says_what_it_does(poselift, command):
    outcome = poselift(*command, "--help")
    assert outcome.status == 0
    assert outcome.err == ""
    assert len(COMMANDS[command].help) > 20
    for option in COMMANDS[command].params:
        assert option.help, f"{option.name} has no help"


@pytest.mark.parametrize("group", [(), ("evaluate",), ("models",), ("weights",)])
def test_a_list_of_commands_cuts_no_line_short(poselift, group):
    assert "..." not in poselift(*group, "--help").out.split("Commands:")[1]


@pytest.mark.parametrize("group", [(), ("evaluate",), ("models",), ("weights",)])
def test_a_group_without_a_command_shows_its_help(poselift, group):
    outcome = poselift(*group)
    assert outcome.status == 2
    assert outcome.err.strip() == poselift(*group, "--help").out.strip()


@pytest.mark.parametrize(
    "command",
    [
        ("extract", "", "--store", "new.zarr"),
        ("extract", "pictures", "--store", ""),
        ("lift", "", "--out", "out"),
        ("evaluate", "keypoints", "full.zarr", "--truth", "F.json", "--out", ""),
    ],
)
def test_an_empty_path_is_not_the_current_folder(poselift, materials, command):
    before = _contents(materials)
    outcome = poselift(*command)
    assert outcome.status == 2
    assert "it is empty" in _only_line(outcome.err)
    assert _contents(materials) == before


def test_the_printed_config_is_the_default_and_can_be_read(poselift, tmp_path):
    (tmp_path / "all.toml").write_text(poselift("config").out)
    assert read_config(tmp_path / "all.toml", PipelineConfig) == PipelineConfig()


@pytest.mark.parametrize(
    ("command", "culprit"),
    [
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
        ("evaluate lifter --truth truth.npz --model models:/pose-lifter@nobody", "@nobody"),
        ("evaluate lifter --truth truth.npz --model models:/pose-lifter/99", "/99"),
        ("evaluate lifter --truth truth.npz --input loud", "loud"),
        ("models promote 99", "99"),
        ("models rollback", "champion"),
        ("--home file models list", "file"),
    ],
)
def test_bad_input_is_one_line_that_names_the_culprit_and_nothing_is_lost(
    api, poselift, materials, command, culprit
):
    before = _contents(materials)
    outcome = poselift(*command.split())
    assert outcome.status == 2, outcome.err
    assert culprit in _only_line(outcome.err)
    assert outcome.out == ""
    assert before.items() <= _contents(materials).items()


@pytest.mark.parametrize(
    "command",
    [
        "export full.zarr --to npy --out locked/out",
        "extract pictures --store locked/new.zarr",
    ],
)
def test_a_read_only_folder_is_bad_input(api, materials, command):
    (materials / "locked").mkdir(mode=0o555)
    outcome = subprocess.run(
        [*_without_a_pass(), sys.executable, "-m", "flows.cli", *command.split()],
        cwd=materials,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 2, outcome.stderr
    assert "locked" in _only_line(outcome.stderr)


def test_a_failed_run_is_one_line_and_status_1(api, poselift, materials):
    nobody_there = f"http://127.0.0.1:{free_port()}/api"
    with temporary_settings({PREFECT_API_URL: nobody_there}):
        outcome = poselift("export", "full.zarr", "--to", "npy", "--out", "out")
    assert outcome.status == 1
    assert nobody_there in _only_line(outcome.err)


def test_every_odd_picture_has_a_row_and_an_export_of_its_own(api, poselift, materials, tmp_path):
    make_odd_pictures(tmp_path / "odd")
    extract = ("extract", "odd", "--store", "full.zarr", "--input-height", 176, "--json")
    assert poselift(*extract).status == 2  # the store there has other settings
    limit = ("--max-failed-share", 1)
    outcome = poselift(*extract, *limit, "--overwrite", "--overlays", "drawn")
    assert outcome.status == 0, outcome.err

    keypoints = read_keypoints("full.zarr")
    found = dict(zip(keypoints.filename, keypoints.status, strict=True))
    assert found.keys() == SHOW_THE_PERSON | SHOW_NOBODY | UNREADABLE
    assert {name for name in found if found[name] == 1} == SHOW_THE_PERSON
    assert {name for name in found if found[name] == 3} == UNREADABLE
    assert len(list((tmp_path / "drawn").rglob("[!.]*.*"))) == len(found) - len(UNREADABLE)
    assert json.loads(outcome.out) == {
        **{"images": len(found), "people": keypoints.n_people, "failed": 0},
        **{"ok": len(SHOW_THE_PERSON), "no person": len(SHOW_NOBODY)},
        "unreadable": len(UNREADABLE),
    }
    _assert_upright(keypoints)

    for kind, read in (("npy", read_npy_pair), ("openpose", read_openpose)):
        assert poselift("export", "full.zarr", "--to", kind, "--out", kind).status == 0
        assert read(tmp_path / kind).n_people == keypoints.n_people
    assert len(list((tmp_path / "openpose").rglob("*_keypoints.json"))) == len(found)


def test_a_sick_training_ends_with_1_and_one_line_that_says_why(api, poselift, tmp_path):
    (tmp_path / "sick.toml").write_text(DIVERGED_TRAINING)
    outcome = poselift("train", sample_poses(), "--config", "sick.toml", "--json")
    assert (outcome.status, outcome.out) == (1, "")
    line = _only_line(outcome.err)
    assert "gan 1 at step 4 of 6: poses come out flat" in line
    assert "diagnostics.min_depth_spread is 1" in line


def test_images_without_people_give_pages_without_people(api, poselift, materials):
    outcome = poselift("lift", "full.zarr", "--out", "lifted", "--json")
    assert outcome.status == 0, outcome.err
    assert json.loads(outcome.out)["lifted"] == 0
    assert (materials / "lifted" / "poses" / "viewer.html").is_file()


def test_the_ledger_is_told_to_people_and_to_programs(poselift, materials):
    assert "images  1" in re.sub(" +", "  ", poselift("status", "full.zarr").out)
    ledger = json.loads(poselift("status", "full.zarr", "--json").out)
    assert (ledger["images"], ledger["no person"]) == (1, 1)
    assert ledger["reasons"] == []


@pytest.fixture
def materials(tmp_path):
    """What the bad commands are given, in the current folder."""
    for folder in ("empty", "texts", "pictures"):
        (tmp_path / folder).mkdir()
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "texts" / "a.txt").write_text("no picture")
    shutil.copy(sample_images() / "coffee.jpg", tmp_path / "pictures")
    (tmp_path / "broken.toml").write_text("n_people = = 2")
    (tmp_path / "unknown.toml").write_text("[extract.openpose]\ninput_heigth = 176")
    (tmp_path / "unknown_training.toml").write_text("[train.gan]\nstepps = 1")
    (tmp_path / "sweep.toml").write_text("[variants.ours]")
    (tmp_path / "wrong_sweep.toml").write_text("[variants.ours]\ngan.flexoin_weight = 0")
    (tmp_path / "wrong_type.toml").write_text('[train.gan]\nsteps = "many"')
    _write_arrays(tmp_path)
    _write_store(tmp_path / "full.zarr")
    return tmp_path


def _write_arrays(folder):
    names = np.array(MPII_16.joints)
    people = np.random.default_rng(0).uniform(1, 500, (20, 16, 2)).astype(np.float32)
    np.savez(folder / "few.npz", joints=people, joint_names=names)
    np.savez(folder / "wrong_shape.npz", joints=people[:, :14], joint_names=names)
    np.savez(folder / "wrong_keys.npz", poses=people)
    twelve = ["shoulder", "elbow", "wrist", "hip", "knee", "ankle"]
    joints = np.array(["nose", *(side + joint for side in "lr" for joint in twelve)])
    truth = {"joints": joints, "joints3d_cam": np.ones((4, len(joints), 3), np.float32)}
    seen = np.ones((4, 25, 3), np.float32)
    np.savez(folder / "truth.npz", kp2d_body25=seen, kp2d_body25_noisy=seen, **truth)
    few = seen[:, :24]
    np.savez(folder / "wrong_truth.npz", kp2d_body25=few, kp2d_body25_noisy=seen, **truth)


def _write_store(path):
    """Write a store of one image that shows nobody."""
    digests = {"coffee.jpg": "0" * 32}
    nobody = People(np.empty((0, 18, 3), np.float32), np.empty(0, np.float32))
    result = ImageResult(ImageStatus.NO_PERSON, nobody, (600, 400), "no person found", 0.1)
    keypoints = join_results(digests, [result], COCO_18)
    open_store(path, provenance(ExtractConfig()))
    write_shard(path, keypoints, list(digests.values()), np.zeros(1, np.float32))
    publish(path, list(digests), digests)


def _only_line(err):
    """Return the one line that is said besides progress."""
    said = [line for line in err.splitlines() if not PROGRESS.match(line)]
    assert len(said) == 1, err
    return said[0]


def _contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in files}


def _without_a_pass():
    """Return a prefix that makes a command respect permissions even where root runs the tests."""
    if os.geteuid():
        return []
    if not (setpriv := shutil.which("setpriv")):
        pytest.skip("root ignores permissions, and there is no setpriv to make it respect them")
    return [setpriv, "--bounding-set", "-dac_override", "--inh-caps", "-dac_override"]


def _assert_upright(keypoints):
    rows = [keypoints.filename.index(name) for name in ("same.jpg", "turned.jpg")]
    original, turned = (keypoints.people(row).keypoints[0] for row in rows)
    both = (original[:, 2] > 0) & (turned[:, 2] > 0)
    assert both.sum() >= 12
    distance = np.linalg.norm((original - turned)[both, :2], axis=-1)
    assert np.median(distance) < 10
