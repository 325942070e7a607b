import torch
from torch import nn

from pose_lib.lifting.muon import Muon, orthogonalized


def test_every_direction_of_a_step_is_about_as_long(rng):
    steep = torch.randn(2, 16, 16, generator=rng) * torch.logspace(-0.3, 0.3, 16)
    stretch = torch.linalg.svdvals(orthogonalized(steep))
    assert stretch.min() > 0.1
    assert stretch.max() < 1.3


def test_the_size_of_a_gradient_does_not_matter(rng):
    gradient = torch.randn(1, 8, 8, generator=rng)
    torch.testing.assert_close(orthogonalized(gradient), orthogonalized(1000 * gradient))


def test_steps_lead_downhill(rng):
    weight = nn.Parameter(torch.randn(8, 8, generator=rng))
    goal = torch.randn(8, 8, generator=rng)
    muon, losses = Muon([weight]), []
    for _ in range(100):
        weight.grad = None
        loss = (weight - goal).square().mean()
        loss.backward()
        muon.step(0.05)
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]
