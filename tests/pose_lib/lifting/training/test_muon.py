import torch
from torch import nn

from pose_lib.lifting.training.muon import Muon, orthogonalized


def test_every_direction_of_a_step_is_about_as_long(rng):
    steep = torch.randn(16, 16, generator=rng) * torch.logspace(-0.3, 0.3, 16)
    stretch = torch.linalg.svdvals(orthogonalized(steep))
    assert stretch.min() > 0.1
    assert stretch.max() < 1.3


def test_the_size_of_a_gradient_does_not_matter(rng):
    gradient = torch.randn(8, 8, generator=rng)
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


def test_matrices_of_a_stack_are_moved_as_if_each_were_alone(rng):
    stack = nn.Parameter(torch.randn(2, 8, 8, generator=rng))
    alone = [nn.Parameter(matrix.detach().clone()) for matrix in stack]
    stack.grad = torch.randn(2, 8, 8, generator=rng)
    for weight, gradient in zip(alone, stack.grad, strict=True):
        weight.grad = gradient.clone()
    Muon([stack]).step(0.1)
    Muon(alone).step(0.1)
    torch.testing.assert_close(stack, torch.stack(alone))
