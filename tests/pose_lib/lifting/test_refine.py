import torch
from made_people import TINY, walking_bones
from torch.nn import functional

from pose_lib.lifting.refine import RefineStage
from pose_lib.lifting.synthesis import Corpus


def begun(rng, device="cpu"):
    bones = functional.normalize(walking_bones(50, rng), dim=-1)
    corpus = Corpus(bones, torch.full((50,), 1 / 50))
    return RefineStage(corpus, TINY.refine, TINY.camera, rng, device=device)


def test_all_that_learns_lies_on_the_device(rng, monkeypatch):
    """The meta device computes nothing, but refuses tensors from elsewhere as a GPU does."""
    monkeypatch.setattr(torch.Tensor, "item", lambda _: 1.0)
    stage = begun(rng, device="meta")
    for _ in range(2):
        assert set(stage.advance()) == {"joint_error", "shape_error", "spread_loss"}
    assert {weight.device.type for weight in stage.regressor.parameters()} == {"meta"}


def test_the_shape_s_error_is_part_of_the_joints_one(rng):
    losses = begun(rng).advance()
    assert 0 < losses["shape_error"] < losses["joint_error"]
