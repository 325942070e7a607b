"""Kudo et al. 2018 on BODY_15: an orthographic GAN whose generator gives every joint any depth.

The published recipe (arXiv:1803.08244) with its sizes, rates and accuracy limits. Two things are
changed in its favor: knees and elbows tell front from back instead of the nose, which MPII has not,
and people are drawn so that they face all directions equally often, as its random views do.
"""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pose_lib.lifting.bones import bone_vectors, measure_bone_lengths
from pose_lib.lifting.gan import flexion_loss
from pose_lib.lifting.people import canonical_bones, facing_weights, with_middles
from pose_lib.skeleton import BODY_15

WIDTH = 1024
BATCH = 16
EPOCHS = 20
CONFIDENT = 0.9
"""A network that is right more often than this waits for the other."""


class KudoNetwork(nn.Module):
    """Three dense layers with one skip connection, for the generator and the discriminator."""

    def __init__(self, outputs: int, rng: torch.Generator) -> None:
        super().__init__()
        sizes = (2 * len(BODY_15), WIDTH, WIDTH, WIDTH, outputs)
        self.layers = nn.ModuleList(
            nn.utils.skip_init(nn.Linear, before, after) for before, after in pairwise(sizes)
        )
        for layer in self.layers:
            nn.init.normal_(layer.weight, std=0.02, generator=rng)
            nn.init.zeros_(layer.bias)

    def forward(self, joints):
        first, second, third, last = self.layers
        one = functional.leaky_relu(first(joints.flatten(1)), 0.2)
        two = functional.leaky_relu(second(one), 0.2)
        return last(functional.leaky_relu(third(two), 0.2) + one)


def normalized(poses: np.ndarray) -> torch.Tensor:
    """Put the pelvis at the origin and the mean distance of the other joints to one."""
    joints = with_middles(torch.from_numpy(poses[..., :2]).float())
    joints = joints - joints[:, [BODY_15.index("pelvis")]]
    size = joints.norm(dim=-1).sum(1) / (len(BODY_15) - 1)
    return joints / size.clamp_min(1e-6)[:, None, None]


def train_kudo(poses: np.ndarray, *, steps: int | None, seed: int) -> KudoNetwork:
    """Train a generator on complete 2D people; 20 epochs unless told otherwise."""
    people, weights = normalized(poses), _facing_weights(poses)
    rng = torch.Generator().manual_seed(seed)
    generator, discriminator = KudoNetwork(len(BODY_15), rng), KudoNetwork(1, rng)
    adams = [_adam(generator), _adam(discriminator)]
    for _ in range(steps or EPOCHS * len(people) // BATCH):
        drawn = torch.multinomial(weights, BATCH, replacement=True, generator=rng)
        _train_step(people[drawn], generator, discriminator, adams, rng)
    return generator


@torch.no_grad()
def lift_kudo(generator: KudoNetwork, poses: np.ndarray) -> np.ndarray:
    """Lift people; a joint that is missing is taken to be at the pelvis, in the picture's plane."""
    joints = torch.nan_to_num(normalized(np.nan_to_num(poses, nan=0.0)), nan=0.0)
    joints[torch.from_numpy(poses[..., 2] == 0)] = 0
    return _lifted(generator, joints).numpy()


def _facing_weights(poses):
    joints = with_middles(torch.from_numpy(poses[..., :2]).float())
    return facing_weights(canonical_bones(bone_vectors(joints), measure_bone_lengths(joints)))


def _lifted(generator, joints):
    depth = generator(joints)
    depth = depth - depth[:, [BODY_15.index("pelvis")]]
    return torch.cat([joints, depth[..., None]], dim=-1)


def _train_step(real, generator, discriminator, adams, rng):
    lifted = _lifted(generator, real)
    view = _turned(lifted, rng)
    on_real, on_view = discriminator(real), discriminator(view.detach())
    accuracy = torch.cat([on_real > 0, on_view < 0]).float().mean()
    if accuracy <= CONFIDENT:
        _descend(adams[1], (functional.softplus(-on_real) + functional.softplus(on_view)).mean())
    if accuracy >= 1 - CONFIDENT:
        fooled = functional.softplus(-discriminator(view)).mean()
        _descend(adams[0], fooled + flexion_loss(bone_vectors(lifted)))


def _turned(joints, rng):
    """Orthographic view after a turn about the vertical."""
    angle = 2 * math.pi * torch.rand(len(joints), 1, generator=rng)
    x, y, z = joints.unbind(-1)
    return torch.stack([x * angle.cos() + z * angle.sin(), y], dim=-1)


def _adam(network):
    return torch.optim.Adam(network.parameters(), 2e-4, betas=(0.5, 0.999), weight_decay=1e-5)


def _descend(adam, loss):
    adam.zero_grad()
    loss.backward()
    adam.step()
