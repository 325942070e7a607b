"""Chen et al. 2019: a GAN in perspective whose lifts must survive a round trip.

"Unsupervised 3D Pose Estimation with Geometric Self-Supervision", arXiv:1904.04812, with the
settings of later reruns: each lifted pose is turned, projected, lifted again and turned back, and
must come out the same in 3D and in 2D, while a discriminator judges the projection.

Added, as nothing else here tells front from back: knees and elbows that bend the wrong way cost.
Left out: the discriminator of video frames, since MPII is of single pictures, and the adaptation
to another data set's 2D.
"""

import math

import torch
from torch import nn

from pose_lib.lifting.bones import bone_vectors
from pose_lib.lifting.training.gan import flexion_loss
from pose_lib.skeleton import BODY_15
from research.baselines.layers import descend, near_zero
from research.baselines.people import People
from research.baselines.perspective import PICTURE_UNIT, Turn, cycled, in_space
from research.baselines.training import Curve, Trained

WIDTH = 1024
LIFTER_BLOCKS, DISCRIMINATOR_BLOCKS = 4, 2
DROPOUT = 0.25
BATCH = 512
EPOCHS = 200
RATE, DECAY, WEIGHT_DECAY = 2e-4, 0.95, 1e-4
DISCRIMINATOR_EVERY = 3
AZIMUTH, ELEVATION = math.radians(140), math.radians(20)
LARGEST = 2.0
"""Trunk lengths from the pelvis at which a projection ends."""


class Block(nn.Module):
    """Two dense layers beside a skip connection, normalized by the batch or not."""

    def __init__(self, width: int, *, normalized: bool) -> None:
        super().__init__()
        normalize = nn.BatchNorm1d if normalized else nn.Identity
        self.layers = nn.Sequential(
            *(nn.Linear(width, width), normalize(width), nn.ReLU(), nn.Dropout(DROPOUT)),
            *(nn.Linear(width, width), normalize(width), nn.ReLU(), nn.Dropout(DROPOUT)),
        )

    def forward(self, hidden):
        return hidden + self.layers(hidden)


def network(width: int, blocks: int, outputs: int, *, normalized: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(2 * len(BODY_15), width),
        *(Block(width, normalized=normalized) for _ in range(blocks)),
        near_zero(width, outputs),
    )


def train(poses, *, budget, seed) -> Trained:
    rng, people, curve = torch.manual_seed(seed), People.of(poses), Curve()
    width = budget.width(WIDTH)
    lifter = network(width, LIFTER_BLOCKS, len(BODY_15), normalized=True)
    discriminator = network(width, DISCRIMINATOR_BLOCKS, 1, normalized=False)
    adams = [
        torch.optim.Adam(net.parameters(), RATE, weight_decay=WEIGHT_DECAY)
        for net in (lifter, discriminator)
    ]
    for share in budget.steps(EPOCHS * len(people) // BATCH):
        rate = RATE * budget.decay(share, epochs=EPOCHS, per_epoch=DECAY)
        cycle = _cycle(lifter, people, rng)
        losses = _lifter_losses(cycle, discriminator, people.table)
        descend(adams[0], sum(losses.values()), rate)
        if curve.steps % DISCRIMINATOR_EVERY == 0:
            judged = _discriminator_loss(cycle, discriminator, people, rng)
            descend(adams[1], judged, rate)
        curve.add(share, {name: loss.item() for name, loss in losses.items()})
    lifter.eval()
    return people.trained(lambda seen: in_space(seen, lifter(seen)), curve)


def _cycle(lifter, people, rng):
    def lift_view(view):
        return in_space(view.detach(), lifter(view))  # its rays are taken as they are

    seen = people.draw(BATCH, rng)
    azimuth, elevation = (
        limit * (2 * torch.rand(BATCH, generator=rng) - 1) for limit in (AZIMUTH, ELEVATION)
    )
    turn = Turn(torch.zeros(BATCH), azimuth, elevation)
    return cycled(seen, in_space(seen, lifter(seen)), turn, lift_view)


def _lifter_losses(cycle, discriminator, table):
    """Least-squares GAN and both cycles, all of weight one."""
    on_view = discriminator(cycle.view.clamp(-LARGEST, LARGEST))
    return {
        "adversarial": (on_view - 1).square().mean(),
        "flexion": flexion_loss(bone_vectors(cycle.lifted) / table[:, None]),
        "cycle_3d": (cycle.turned - cycle.relifted).norm(dim=-1).mean(),
        "cycle_2d": PICTURE_UNIT * (cycle.seen - cycle.seen_again).norm(dim=-1).mean(),
    }


def _discriminator_loss(cycle, discriminator, people, rng):
    on_real = discriminator(people.draw(BATCH, rng))
    on_view = discriminator(cycle.view.detach().clamp(-LARGEST, LARGEST))
    return ((on_real - 1).square().mean() + on_view.square().mean()) / 2
