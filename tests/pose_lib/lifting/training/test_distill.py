from dataclasses import astuple, replace

import pytest
import torch
from made_people import TINY, walking_bones
from torch.nn import functional

from pose_lib.lifting.lifter_input import LifterInput
from pose_lib.lifting.training import distill
from pose_lib.lifting.training.distill import DistillStage
from pose_lib.lifting.training.synthesis import Corpus, photograph
from pose_lib.lifting.training.tensor_state import seeded


def some_corpus(rng):
    bones = functional.normalize(walking_bones(50, rng), dim=-1)
    return Corpus(bones, torch.full((50,), 1 / 50))


def begun(rng, device="cpu", config=TINY.distill, n_threads=1):
    corpus = some_corpus(rng)
    return DistillStage(corpus, config, TINY.camera, rng, device=device, n_threads=n_threads)


def test_all_that_learns_lies_on_the_device(rng, monkeypatch):
    """The meta device computes nothing, but refuses tensors from elsewhere as a GPU does."""
    monkeypatch.setattr(torch.Tensor, "item", lambda _: 1.0)
    stage = begun(rng, device="meta")
    for _ in range(2):
        assert set(stage.advance()) == {"joint_error", "pa_error", "uncertainty_loss"}
    assert {weight.device.type for weight in stage.regressor.parameters()} == {"meta"}


@pytest.mark.parametrize("batch", [64, 2049])
def test_how_many_threads_learn_changes_nothing(batch):
    config = replace(TINY.distill, batch=batch)
    alone, side_by_side = (
        begun(torch.Generator().manual_seed(5), config=config, n_threads=n) for n in (1, 3)
    )
    assert [alone.advance() for _ in range(3)] == [side_by_side.advance() for _ in range(3)]
    assert all(map(torch.equal, alone.regressor.parameters(), side_by_side.regressor.parameters()))


def test_parts_of_a_step_teach_what_the_whole_does(monkeypatch):
    twins, joints = photograph(
        some_corpus(seeded(0, 1)), 32, TINY.distill, TINY.camera, seeded(0, 0)
    )

    def photographed(_corpus, n, *_):
        again = [torch.cat([field] * (n // 32)) for field in astuple(twins)]
        return LifterInput(*again), torch.cat([joints] * (n // 32))

    monkeypatch.setattr(distill, "photograph", photographed)
    config = replace(TINY.distill, batch=64)
    whole, parts = (begun(torch.Generator().manual_seed(5), config=config) for _ in range(2))
    parts._sizes = [32, 32]
    assert whole.advance() == pytest.approx(parts.advance(), rel=1e-4)
    for one, other in zip(whole.regressor.parameters(), parts.regressor.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_the_procrustes_aligned_error_is_below_the_joint_error(rng):
    losses = begun(rng).advance()
    assert 0 < losses["pa_error"] < losses["joint_error"]
