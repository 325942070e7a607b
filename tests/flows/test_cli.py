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
from pose_lib.datasets.sample import sample_poses
from pose_lib.formats.npy_pair import read_npy_pair
from pose_lib.formats.openpose_json import read_openpose
from pose_lib.store import read_keypoints

HEAVY = {"torch", "prefect", "mlflow", "dask", "distributed", "cv2", "zarr", "matplotlib"}
SICK_TRAINING = """
[train]
gan = { n_generators = 1, steps = 6, batch = 16, width = 16 }
health = { every = 2, begin = 0, patience = 2, min_depth_spread = 1 }
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
    (tmp_path / "sick.toml").write_text(SICK_TRAINING)
    outcome = poselift("train", sample_poses(), "--config", "sick.toml", "--json")
    assert (outcome.status, outcome.out) == (1, "")
    line = _only_line(outcome.err)
    assert "gan 1 at step 4 of 6: poses come out flat" in line
    assert "health.min_depth_spread is 1" in line


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
    """What the commands are given, in the current folder."""
    write_materials(tmp_path)
    return tmp_path


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
