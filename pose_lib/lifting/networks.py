"""The networks: generators and discriminators of stage 1, the regressor that ships.

All weights are drawn from a given random generator, so that a seed fixes them.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from pose_lib.lifting.bones import BONES, LEGS, UPPER_BODY, bone_indices, depth_bound, joints_of
from pose_lib.lifting.observation import N_FEATURES, Observation, features
from pose_lib.skeleton import BODY_15

N_BONES = len(BONES)
FREE_JOINTS = tuple(joint for joint in BODY_15.joints if joint not in ("neck", "pelvis"))
"""Joints with a place of their own; neck and pelvis are the middles of shoulders and hips."""

_SLOPE = 0.1


class ResidualBlock(nn.Module):
    """Two dense layers beside a skip connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _linear(width, width)
        self.second = _linear(width, width)

    def forward(self, hidden: Float[Tensor, "pose width"]) -> Float[Tensor, "pose width"]:
        inner = functional.leaky_relu(self.first(hidden), _SLOPE)
        return hidden + functional.leaky_relu(self.second(inner), _SLOPE)


class Generator(nn.Module):
    """Stage 1's lifter: gives each canonical bone a depth within its bound."""

    def __init__(self, width: int, rng: torch.Generator) -> None:
        super().__init__()
        self.layers = _residual_network(3 * N_BONES, width, 2, N_BONES)
        _draw_weights(self, rng)
        _draw_small(self.layers[-1], rng)

    def forward(self, bones: Float[Tensor, "pose 12 2"]) -> Float[Tensor, "pose 12"]:
        bound = depth_bound(bones)
        seen = torch.cat([bones, bound[..., None]], dim=-1)
        return bound * torch.tanh(3 * self.layers(seen.flatten(1)))


class Discriminator(nn.Module):
    """Tells real 2D people from views of lifted ones: whole body, legs and upper body apart.

    Parts that are judged on their own cannot hide behind a pose that is right as a whole.
    Source: Hardy et al. 2022, arXiv:2205.03636, for independent parts.
    """

    table: Tensor

    def __init__(self, table: Float[Tensor, "12"], width: int, rng: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("table", table.clone())
        self.whole = _residual_network(2 * N_BONES + 2 * len(BODY_15), width, 2, 1)
        self.legs = _residual_network(2 * len(LEGS), width // 2, 1, 1)
        self.upper_body = _residual_network(2 * len(UPPER_BODY), width // 2, 1, 1)
        _draw_weights(self, rng)

    def forward(self, bones: Float[Tensor, "pose 12 2"]) -> Float[Tensor, "pose 3"]:
        """Return a logit for the whole body, the legs and the upper body; positive is real."""
        joints = joints_of(bones * self.table[:, None])
        whole = torch.cat([bones.flatten(1), 2 * joints.flatten(1)], dim=1)
        legs = bones[:, bone_indices(*LEGS)].flatten(1)
        upper_body = bones[:, bone_indices(*UPPER_BODY)].flatten(1)
        logits = self.whole(whole), self.legs(legs), self.upper_body(upper_body)
        return torch.cat(logits, dim=1)


class Regressor(nn.Module):
    """Stage 2's lifter: incomplete, noisy 2D people in, whole 3D poses out.

    Carries the table of bone lengths that its inputs are divided by.
    """

    table: Tensor

    def __init__(self, table: Float[Tensor, "12"], width: int, rng: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("table", table.clone())
        self.width = width
        self.layers = _residual_network(N_FEATURES, width, 2, 3 * len(FREE_JOINTS))
        _draw_weights(self, rng)
        _draw_small(self.layers[-1], rng)

    @property
    def hidden_weights(self) -> list[Tensor]:
        """The matrices between hidden layers, all square and of one size."""
        blocks = [layer for layer in self.layers if isinstance(layer, ResidualBlock)]
        return [layer.weight for block in blocks for layer in (block.first, block.second)]

    def forward(self, seen: Observation) -> Float[Tensor, "pose 15 3"]:
        """Return joints in the unit of the observation, pelvis at the origin.

        Args:
            seen: A normalized observation.
        """
        correction = self.layers(features(seen, self.table)).unflatten(1, (len(FREE_JOINTS), 3))
        free = BODY_15.indices(FREE_JOINTS)
        start = functional.pad(seen.visible_joints()[:, free], (0, 1))
        joints = correction.new_zeros(len(correction), len(BODY_15), 3)
        joints[:, free] = start + correction
        for middle, sides in (("neck", "shoulder"), ("pelvis", "hip")):
            left, right = BODY_15.index(f"left_{sides}"), BODY_15.index(f"right_{sides}")
            joints[:, BODY_15.index(middle)] = (joints[:, left] + joints[:, right]) / 2
        return joints - joints[:, [BODY_15.index("pelvis")]]


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """Return a layer without weights yet, so that no global random state is touched."""
    return nn.utils.skip_init(nn.Linear, inputs, outputs)


def _residual_network(inputs: int, width: int, blocks: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        _linear(inputs, width),
        nn.LeakyReLU(_SLOPE),
        *(ResidualBlock(width) for _ in range(blocks)),
        _linear(width, outputs),
    )


def _draw_weights(network: nn.Module, rng: torch.Generator) -> None:
    """Draw all weights the way ``nn.Linear`` does, from ``rng``."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            bound = 1 / math.sqrt(layer.in_features)
            nn.init.uniform_(layer.weight, -bound, bound, generator=rng)
            nn.init.uniform_(layer.bias, -bound, bound, generator=rng)


def _draw_small(layer: nn.Module, rng: torch.Generator) -> None:
    """Draw a last layer that starts near zero: flat poses, small corrections."""
    assert isinstance(layer, nn.Linear)
    nn.init.normal_(layer.weight, std=0.02, generator=rng)
    nn.init.zeros_(layer.bias)
