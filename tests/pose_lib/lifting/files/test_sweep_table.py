"""Sweep files: those that ship can be read, and results come out as tables."""

import csv
import io
from pathlib import Path

import pytest

from pose_lib.errors import InputError
from pose_lib.lifting.files.sweep_table import read_sweep, sweep_csv, sweep_markdown
from pose_lib.lifting.training.config import TrainConfig
from pose_lib.lifting.training.sweep import Outcome, Trial

SHIPPED = sorted((Path(__file__).parents[4] / "deployments" / "sweeps").glob("*.toml"))
OUTCOMES = [
    Outcome(Trial("a | b", TrainConfig(seed=0)), {"pa_mpjpe": 40.04, "auc": 0.5}),
    Outcome(Trial("a | b", TrainConfig(seed=1)), {"pa_mpjpe": 42.04, "auc": 0.5}),
    Outcome(Trial("flat", TrainConfig(seed=0)), {}, diverged="poses come out flat, all of them"),
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_sweeps_that_ship_can_be_read(path):
    sweep = read_sweep(path)
    assert len(sweep.variants) >= 10
    assert len(sweep.seeds) == 3
    assert len(sweep.trials) == 3 * len(sweep.variants)


def test_there_are_two_sweeps():
    assert [path.stem for path in SHIPPED] == ["ablation", "camera"]


@pytest.mark.parametrize("content", [None, "variants = = 3", b"\xff\xfe"])
def test_a_file_that_is_none_is_named(tmp_path, content):
    path = tmp_path / "sweep.toml"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError, match=r"sweep\.toml"):
        read_sweep(path)


def test_the_csv_has_every_trial_and_reads_back():
    rows = list(csv.DictReader(io.StringIO(sweep_csv(OUTCOMES))))
    assert [(row["variant"], row["seed"]) for row in rows] == [
        ("a | b", "0"),
        ("a | b", "1"),
        ("flat", "0"),
    ]
    assert float(rows[0]["pa_mpjpe"]) == 40.04
    assert (rows[2]["pa_mpjpe"], rows[2]["diverged"]) == ("", "poses come out flat, all of them")


def test_the_markdown_has_means_and_spreads_by_variant():
    lines = sweep_markdown(OUTCOMES).splitlines()
    assert lines[0] == "| variant | seeds | PA-MPJPE, mm | AUC |"
    assert lines[2] == r"| a \| b | 2 | 41.0 ± 1.4 | 0.500 ± 0.000 |"
    assert lines[3] == "| flat | 0, 1 diverged | - | - |"
