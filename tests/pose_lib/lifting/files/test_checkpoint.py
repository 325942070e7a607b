"""Checkpoints: the same to the bit, whole or not used, and never fewer than before."""

import contextlib
import errno
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pose_lib.errors import InputError
from pose_lib.lifting.bones import AVERAGE_LENGTHS, joints_of
from pose_lib.lifting.files import checkpoint
from pose_lib.lifting.files.checkpoint import (
    CHECKPOINT,
    EARLIER,
    load_checkpoints,
    read_checkpoint,
    save_checkpoint,
)
from pose_lib.lifting.training.config import DistillConfig, GanConfig, TrainConfig
from pose_lib.lifting.training.train import Checkpoint, Training

RNG = torch.Generator().manual_seed(0)


class Killed(BaseException):
    """Stands for a kill."""


def test_a_checkpoint_comes_back_to_the_bit(tmp_path):
    checkpoint = Checkpoint({"rng": RNG.get_state(), "step": torch.tensor(3.0)}, {"a": [1, 2.5]})
    save_checkpoint(checkpoint, tmp_path / "run")
    again = read_checkpoint(tmp_path / "run" / CHECKPOINT)
    assert again.values == checkpoint.values
    assert all(
        torch.equal(again.tensors[name], checkpoint.tensors[name]) for name in ("rng", "step")
    )


def test_the_latest_and_the_one_before_are_kept(tmp_path):
    for step in range(4):
        save_checkpoint(_checkpoint(step), tmp_path)
    assert _steps(tmp_path) == [3, 2]
    assert {path.name for path in tmp_path.iterdir()} == {CHECKPOINT, EARLIER}


@pytest.mark.parametrize("place", [0, 9, 100, 300, -1])
def test_of_a_file_with_one_other_bit_the_earlier_one_is_used(tmp_path, place):
    for step in (1, 2):
        save_checkpoint(_checkpoint(step), tmp_path)
    content = bytearray((tmp_path / CHECKPOINT).read_bytes())
    content[place] ^= 1
    (tmp_path / CHECKPOINT).write_bytes(content)
    told = []
    assert _steps(tmp_path, told.append) == [1]
    (line,) = told
    assert str(tmp_path / CHECKPOINT) in line
    save_checkpoint(_checkpoint(3), tmp_path)
    assert _steps(tmp_path) == [3, 1]  # the damaged one is not kept in place of a whole one


def test_a_file_that_the_disk_does_not_let_be_read_is_kept(tmp_path):
    (tmp_path / CHECKPOINT).mkdir()  # which fails to be read for everybody
    with pytest.raises(InputError, match="cannot read"):
        _steps(tmp_path)
    assert (tmp_path / CHECKPOINT).exists()


@pytest.mark.parametrize("length", [0, 5, 200, -1])
def test_of_a_half_written_file_the_earlier_one_is_used(tmp_path, length):
    for step in (1, 2):
        save_checkpoint(_checkpoint(step), tmp_path)
    content = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(content[:length])
    assert _steps(tmp_path) == [1]
    (tmp_path / CHECKPOINT).write_bytes(content[:length].ljust(len(content), b"\0"))
    assert _steps(tmp_path) == [1]


def test_a_checkpoint_of_another_schema_is_refused(tmp_path):
    values = json.dumps({"schema": "poselift-checkpoint/0"})
    save_file({"rng": RNG.get_state()}, tmp_path / CHECKPOINT, metadata={"values": values})
    with pytest.raises(InputError, match="another version of poselift"):
        read_checkpoint(tmp_path / CHECKPOINT)


@pytest.mark.parametrize("call", ["replace", "exists"])
@pytest.mark.parametrize("n_calls", [1, 2, 3])
def test_killed_anywhere_in_writing_a_whole_checkpoint_is_left(
    tmp_path, monkeypatch, call, n_calls
):
    save_checkpoint(_checkpoint(1), tmp_path)
    monkeypatch.setattr(Path, call, _killing(getattr(Path, call), n_calls))
    with contextlib.suppress(Killed):
        save_checkpoint(_checkpoint(2), tmp_path)
    monkeypatch.undo()
    assert _steps(tmp_path)[0] in (1, 2)
    save_checkpoint(_checkpoint(3), tmp_path)
    assert _steps(tmp_path)[0] == 3


def test_a_full_disk_leaves_the_earlier_checkpoints(tmp_path, monkeypatch):
    for step in (1, 2):
        save_checkpoint(_checkpoint(step), tmp_path)
    monkeypatch.setattr(checkpoint, "write_atomic", _full)
    with pytest.raises(InputError, match="No space left"):
        save_checkpoint(_checkpoint(3), tmp_path)
    assert _steps(tmp_path) == [2, 1]


def test_a_training_goes_on_from_its_stored_checkpoint(tmp_path):
    config = TrainConfig(
        gan=GanConfig(n_generators=1, steps=3, batch=8, width=8),
        distill=DistillConfig(steps=3, batch=8, width=8),
    )
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, (150, 12))
    bones = np.stack([np.cos(angles), np.sin(angles)], axis=-1).astype(np.float32)
    xy = joints_of(torch.from_numpy(bones) * AVERAGE_LENGTHS[:, None]).numpy()
    poses = np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)
    halted = Training.start(poses, config)
    steps = halted.steps()
    for _ in range(4):
        next(steps)
    save_checkpoint(halted.checkpoint(), tmp_path)
    stored = read_checkpoint(tmp_path / CHECKPOINT)
    assert list(Training.restore(poses, config, stored).steps()) == list(steps)


def test_where_nothing_was_saved_there_is_no_checkpoint(tmp_path):
    assert _steps(tmp_path) == []


def _checkpoint(step):
    weights = torch.arange(1000.0) + step
    return Checkpoint({"weights": weights}, {"step": step, "config": {"seed": 0}})


def _steps(folder, tell=lambda line: None):
    return [checkpoint.values["step"] for checkpoint in load_checkpoints(folder, tell)]


def _killing(real, n_calls):
    calls = []

    def kill_at_last(*arguments):
        calls.append(arguments)
        if len(calls) == n_calls:
            raise Killed
        return real(*arguments)

    return kill_at_last


def _full(path, content):
    raise InputError(f"cannot write {path}: {OSError(errno.ENOSPC, 'No space left').strerror}")
