"""LInKs (Hardy and Kim 2023): parts of the body lifted on their own, judged by flows of parts.

"LInKs 'Lifting Independent Keypoints'", arXiv:2309.07243. The body is divided twice, into legs and
torso and into left and right; each part has a lifter that sees nothing else. Flows are trained on
the joints themselves and on poses drawn near to real ones, which the lifters see as well. The
losses are ElePose's, for each division.

Adapted: parts of 7 and 9 joints, and 9 and 9; joints that others determine (pelvis, neck, left
hip) do not enter a flow, whose density would have no bound. Left out: filling hidden parts in 3D,
as here everybody's missing joints are filled in 2D. Depths of both divisions are averaged.
"""

import math

import torch
from torch import nn

from pose_lib.lifting.training.canonical_people import with_midpoint_neck_and_pelvis
from pose_lib.skeleton import BODY_15
from research.baselines.elepose import (
    BATCH,
    DECAY,
    EPOCHS,
    FLOW_EPOCHS,
    FLOW_RATE,
    FLOW_SHARE,
    RATE,
    WEIGHT_DECAY,
    WIDTH,
    body_losses,
    cycle_losses,
    random_turn,
)
from research.baselines.flow import SUBNET_WIDTH, Flow, plain_basis
from research.baselines.layers import SLOPE, blocks, descend, near_zero
from research.baselines.people import People
from research.baselines.perspective import cycled, in_space
from research.baselines.training import Curve, Trained

TRUNK, LEG, ARM = (
    ("pelvis", "neck", "nose"),
    ("hip", "knee", "ankle"),
    ("shoulder", "elbow", "wrist"),
)
SIDES = ("right", "left")


def _of(side: str, parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for part in parts)


DIVISIONS = {
    "lengthwise": {
        "legs": ("pelvis", *_of("right", LEG), *_of("left", LEG)),
        "torso": (*TRUNK, *_of("right", ARM), *_of("left", ARM)),
    },
    "sideways": {side: (*TRUNK, *_of(side, ARM), *_of(side, LEG)) for side in SIDES},
}
WHOLE = "whole"
PARTS = {
    WHOLE: BODY_15.joints,
    **{name: part for d in DIVISIONS.values() for name, part in d.items()},
}
_MADE_FROM = {
    "neck": {"right_shoulder", "left_shoulder"},
    "left_hip": {"right_hip"},
    "pelvis": set(),
}
"""Joints that others determine; the pelvis is the origin, half way between the hips."""

AZIMUTH = 0.995 * math.pi
DRAWN_NOISE = 0.2


def free_joints(part):
    """Return the indices of a part's joints that its other joints do not determine."""
    made = {joint for joint, others in _MADE_FROM.items() if others <= set(part)}
    return BODY_15.indices(tuple(joint for joint in part if joint not in made))


class PartLifter(nn.Module):
    """Depths of one part's joints, and the elevation, from that part alone."""

    def __init__(self, part: tuple[str, ...], width: int) -> None:
        super().__init__()
        self.joints = BODY_15.indices(part)
        self.trunk = nn.Sequential(
            nn.Flatten(), nn.Linear(2 * len(part), width), nn.LeakyReLU(SLOPE), blocks(width, 1)
        )
        self.depth = nn.Sequential(blocks(width, 3), near_zero(width, len(part)))
        self.elevation = nn.Sequential(blocks(width, 3), near_zero(width, 1))

    def forward(self, seen):
        hidden = self.trunk(seen[:, self.joints])
        return self.depth(hidden), self.elevation(hidden)[:, 0]


class Division(nn.Module):
    """The lifters of parts that together are the body."""

    def __init__(self, parts: dict[str, tuple[str, ...]], width: int) -> None:
        super().__init__()
        self.lifters = nn.ModuleDict({name: PartLifter(parts[name], width) for name in parts})

    def forward(self, seen):
        """Return depths, averaged where parts share a joint, and the parts' mean elevation."""
        depth, times = seen.new_zeros(seen.shape[:2]), seen.new_zeros(seen.shape[1])
        elevations = []
        for lifter in self.lifters.values():
            part_depth, elevation = lifter(seen)
            depth = depth.index_add(1, torch.from_numpy(lifter.joints), part_depth)
            times[lifter.joints] += 1
            elevations.append(elevation)
        return depth / times, torch.stack(elevations).mean(0)


def train(poses, *, budget, seed) -> Trained:
    rng, people, curve = torch.manual_seed(seed), People.of(poses), Curve()
    flows = train_flows(people, budget.part(FLOW_SHARE), rng, curve)
    width = budget.width(WIDTH)
    divisions = nn.ModuleList(Division(parts, width) for parts in DIVISIONS.values())
    adam = torch.optim.Adam(divisions.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    for share in budget.part(1 - FLOW_SHARE).steps(EPOCHS * len(people) // BATCH):
        real = people.draw(BATCH, rng)
        seen = torch.cat([real, drawn_nearby(flows[WHOLE], real, rng)])
        of_each = [
            _losses(division, flows, seen, people.table, share, rng) for division in divisions
        ]
        losses = {name: sum(one[name] for one in of_each) for name in of_each[0]}
        rate = RATE * budget.decay(share, epochs=EPOCHS, per_epoch=DECAY)
        descend(adam, sum(losses.values()), rate)
        curve.add(share, {name: loss.item() for name, loss in losses.items()})

    def lift(seen):
        return in_space(seen, torch.stack([division(seen)[0] for division in divisions]).mean(0))

    return people.trained(lift, curve)


def train_flows(people, budget, rng, curve):
    """Learn how likely 2D poses of each part are, on real ones and on those drawn nearby."""
    flows, many = nn.ModuleDict(), people.draw(20_000, rng)
    for name, part in PARTS.items():
        flows[name] = Flow(*plain_basis(flow_input(many, part)), budget.width(SUBNET_WIDTH))
    adam = torch.optim.Adam(flows.parameters(), weight_decay=WEIGHT_DECAY)
    for share in budget.steps(FLOW_EPOCHS * len(people) // BATCH):
        real = people.draw(BATCH, rng)
        both = torch.cat([real, drawn_nearby(flows[WHOLE], real, rng)])
        surprise = sum(surprises(flows, both, PARTS).values())
        descend(adam, surprise, FLOW_RATE)
        curve.add(share, {"flows": surprise.item()})
    return flows.requires_grad_(False)


def flow_input(joints, part):
    return joints[:, free_joints(part)].flatten(1)


def surprises(flows, joints, names):
    return {name: flows[name].surprise(flow_input(joints, PARTS[name])).mean() for name in names}


@torch.no_grad()
def drawn_nearby(flow, real, rng):
    """Return poses whose latents are near those of the given poses."""
    latent, _ = flow(flow_input(real, PARTS[WHOLE]))
    latent = latent + DRAWN_NOISE * torch.randn(latent.shape, generator=rng)
    drawn = torch.zeros_like(real)
    drawn[:, free_joints(PARTS[WHOLE])] = flow.inverse(latent).unflatten(1, (-1, 2))
    drawn[:, BODY_15.index("left_hip")] = -drawn[:, BODY_15.index("right_hip")]
    return with_midpoint_neck_and_pelvis(drawn)


def _losses(division, flows, seen, table, share, rng):
    depth, elevation = division(seen)
    lifted = in_space(seen, depth)
    turn = random_turn(elevation, AZIMUTH, rng)
    cycle = cycled(seen, lifted, turn, lambda view: in_space(view, division(view)[0]))
    return {
        "surprise": sum(surprises(flows, cycle.view, (WHOLE, *division.lifters)).values()),
        **cycle_losses(cycle),
        **body_losses(lifted, table, share),
    }
