"""ElePose (Wandt et al. 2022): the 3D whose random views are likeliest, camera pitch learned.

"ElePose: Unsupervised 3D Human Pose Estimation by Predicting Camera Elevation and Learning
Normalizing Flows on 2D Poses", arXiv:2112.07088. The lifter also predicts how far the camera looks
down; the pose is made level by it, turned, and looked at with a pitch drawn as the batch's are.

Adapted: the flow's basis has 20 of the 24 numbers that vary here, the share of the published 26 of
32, each scaled to unit variance; the bones' proportions are those that MPII's 2D shows; and their
loss has weight 10, which it gains over the first half. With the published 50 bones reach their
lengths early, forward or backward as it happens, and stay there, for to turn around they had to
pass through flat: in eight short trials, some of them with a slow start, that was worse than flat.
"""

import math

import torch
from torch import nn

from pose_lib.lifting.bones import BONE_NAMES, bone_vectors
from pose_lib.lifting.training.gan import flexion_loss
from pose_lib.skeleton import BODY_15
from research.baselines.flow import SUBNET_WIDTH, Flow, principal_basis
from research.baselines.layers import SLOPE, blocks, descend, near_zero
from research.baselines.people import People
from research.baselines.perspective import PICTURE_UNIT, Turn, cycled, in_space
from research.baselines.training import Curve, Trained

WIDTH = 1024
BATCH = 256
EPOCHS = FLOW_EPOCHS = 100
RATE, FLOW_RATE, DECAY, WEIGHT_DECAY = 2e-4, 1e-4, 0.95, 1e-5
LATENT = 20
BONES_WEIGHT, FLEXION_WEIGHT = 10.0, 10.0
FLOW_SHARE = 0.25
"""Of a given time."""

_ENDS = torch.from_numpy(BODY_15.bone_indices)


class ElePoseNetwork(nn.Module):
    """Depth of every joint, and the radians by which the camera looks up."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Flatten(), nn.Linear(2 * len(BODY_15), width), nn.LeakyReLU(SLOPE), blocks(width, 1)
        )
        self.depth = nn.Sequential(blocks(width, 2), near_zero(width, len(BODY_15)))
        self.elevation = nn.Sequential(blocks(width, 2), near_zero(width, 1))

    def forward(self, seen):
        hidden = self.trunk(seen)
        return self.depth(hidden), self.elevation(hidden)[:, 0]


def train(poses, *, budget, seed) -> Trained:
    rng, people, curve = torch.manual_seed(seed), People.of(poses), Curve()
    flow = train_flow(people, budget.part(FLOW_SHARE), rng, curve)
    network = ElePoseNetwork(budget.width(WIDTH))
    adam = torch.optim.Adam(network.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    for share in budget.part(1 - FLOW_SHARE).steps(EPOCHS * len(people) // BATCH):
        losses = _losses(network, flow, people, share, rng)
        rate = RATE * budget.decay(share, epochs=EPOCHS, per_epoch=DECAY)
        descend(adam, sum(losses.values()), rate)
        curve.add(share, {name: loss.item() for name, loss in losses.items()})
    return people.trained(lambda seen: in_space(seen, network(seen)[0]), curve)


def train_flow(people, budget, rng, curve):
    """Learn how likely 2D poses are, and freeze it."""
    mean, basis = principal_basis(people.draw(20_000, rng).flatten(1), LATENT)
    flow = Flow(mean, basis, budget.width(SUBNET_WIDTH))
    adam = torch.optim.Adam(flow.parameters(), weight_decay=WEIGHT_DECAY)
    for share in budget.steps(FLOW_EPOCHS * len(people) // BATCH):
        surprise = flow.surprise(people.draw(BATCH, rng).flatten(1)).mean()
        descend(adam, surprise, FLOW_RATE)
        curve.add(share, {"flow": surprise.item()})
    return flow.requires_grad_(False)


def _losses(network, flow, people, share, rng):
    seen = people.draw(BATCH, rng)
    depth, elevation = network(seen)
    lifted = in_space(seen, depth)
    turn = random_turn(elevation, math.pi, rng)
    cycle = cycled(seen, lifted, turn, lambda view: in_space(view, network(view)[0]))
    return {
        "surprise": flow.surprise(cycle.view.flatten(1)).mean(),
        **cycle_losses(cycle),
        **body_losses(lifted, people.table, share),
    }


def random_turn(elevation, azimuth, rng):
    """Make level what is seen, turn it, and look at it with a pitch as the batch's are."""
    n = len(elevation)
    drawn = -elevation.mean() + elevation.std() * torch.randn(n, generator=rng)
    return Turn(elevation, azimuth * (2 * torch.rand(n, generator=rng) - 1), drawn)


def cycle_losses(cycle):
    """Return how far the round trip leads astray, in 3D, in 2D and between pairs of people."""
    astray = (cycle.lifted - cycle.back).flatten(1)
    return {
        "cycle_3d": (cycle.turned - cycle.relifted).flatten(1).norm(dim=1).mean(),
        "cycle_2d": PICTURE_UNIT * (cycle.seen - cycle.seen_again).abs().sum((1, 2)).mean(),
        "pairs": (astray - astray.roll(1, 0)).norm(dim=1).mean(),
    }


def body_losses(lifted, table, share):
    """Return how wrong bones' lengths and knees' and elbows' bends are.

    Args:
        share: Of the training that is done; bones gain weight over its first half.
    """
    bones = min(1.0, 2 * share) * BONES_WEIGHT
    return {
        "bones": bones * bones_loss(lifted, bone_ratios(table)),
        "flexion": FLEXION_WEIGHT * flexion_loss(bone_vectors(lifted) / table[:, None]),
    }


def bone_ratios(table):
    """Return the lengths of ``BODY_15.bones`` over their mean."""
    lengths = dict(zip(BONE_NAMES, table.tolist(), strict=True))
    pair = {
        ("neck", "right_shoulder"): lengths["shoulder_axis"] / 2,
        ("pelvis", "right_hip"): lengths["hip_axis"] / 2,
        ("pelvis", "neck"): lengths["spine"],
        ("neck", "nose"): lengths["head"],
        ("right_shoulder", "right_elbow"): lengths["right_upper_arm"],
        ("right_elbow", "right_wrist"): lengths["right_forearm"],
        ("right_hip", "right_knee"): lengths["right_thigh"],
        ("right_knee", "right_ankle"): lengths["right_shin"],
    }
    ratios = torch.tensor([pair[_on_the_right(bone)] for bone in BODY_15.bones])
    return ratios / ratios.mean()


def bones_loss(lifted, ratios):
    """Return how far the bones' lengths, over their mean, are from what they should be."""
    lengths = (lifted[:, _ENDS[:, 1]] - lifted[:, _ENDS[:, 0]]).norm(dim=-1)
    return (lengths / lengths.mean(1, keepdim=True) - ratios).square().sum(1).mean()


def _on_the_right(bone):
    parent, child = bone
    return parent.replace("left_", "right_"), child.replace("left_", "right_")
