"""The networks: generators and discriminators of the GAN, and the regressor, its student.

All weights are drawn from a given random generator, so that a seed fixes them.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from pose_lib.lifting.bones import BONES, LEGS, UPPER_BODY, bone_indices, depth_bound, joints_of
from pose_lib.lifting.lifter_input import N_FEATURES, LifterInput, features
from pose_lib.skeleton import BODY_15, mirrored_name

N_BONES = len(BONES)
FREE_JOINTS = tuple(joint for joint in BODY_15.joints if joint not in ("neck", "pelvis"))
"""Joints with a place of their own; neck and pelvis are the middles of shoulders and hips."""

RADIUS_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Shares of the true joints that ``Regressor.radii`` gives a distance for."""

_SLOPE = 0.1
_N_BLOCKS = 2
_LOG_UNCERTAINTY = (-7.0, 3.0)  # from less than a millimeter to far more than a body
_FREE_MIRROR = [FREE_JOINTS.index(mirrored_name(joint)) for joint in FREE_JOINTS]


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
    """The GAN's lifter: gives each canonical bone a depth within its bound."""

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


class MirroredLinear(nn.Module):
    """A dense layer over a person's features and, side by side, those of the mirror image.

    It does to one what it does to the other, so that swapping them before or after is the same.
    On their sum and on their difference it therefore acts as two matrices of its own, which are
    the weights here.
    Source: Cohen and Welling 2016, arXiv:1602.07576, for the group of two.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(2, width, width))
        self.bias = nn.Parameter(torch.empty(width))

    def forward(self, pair: Float[Tensor, "pose pair"]) -> Float[Tensor, "pose pair"]:
        on_sum, on_difference = self.weight
        own, other = (on_sum + on_difference) / 2, (on_sum - on_difference) / 2
        both = torch.cat([torch.cat([own, other], 1), torch.cat([other, own], 1)])
        return functional.linear(pair, both, self.bias.repeat(2))


class MirroredBlock(nn.Module):
    """Two mirrored layers beside a skip connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = MirroredLinear(width)
        self.second = MirroredLinear(width)

    def forward(self, pair: Float[Tensor, "pose pair"]) -> Float[Tensor, "pose pair"]:
        inner = functional.leaky_relu(self.first(pair), _SLOPE, inplace=True)
        return pair + functional.leaky_relu(self.second(inner), _SLOPE, inplace=True)


class Regressor(nn.Module):
    """The student: incomplete, noisy 2D people in, whole 3D poses out.

    Mirrored people come out as mirrored poses, exactly: the network looks at a person and at the
    mirror image at once.

    Attributes:
        table: Bone lengths that its inputs are divided by.
        radii: Factors on a joint's uncertainty for distances that hold the true joint in each of
            the ``RADIUS_SHARES`` of the cases; NaN until measured.
    """

    table: Tensor
    radii: Tensor

    def __init__(self, table: Float[Tensor, "12"], width: int, rng: torch.Generator) -> None:
        """Draw weights.

        Args:
            width: Of the hidden layers, person and mirror image together.
        """
        super().__init__()
        if width % 2:
            raise ValueError(f"the width must be even, half for the mirror image, not {width}")
        self.register_buffer("table", table.clone())
        self.register_buffer("radii", torch.full((len(RADIUS_SHARES),), torch.nan))
        self.width = width
        self.first = _linear(N_FEATURES, width // 2)
        self.blocks = nn.Sequential(*(MirroredBlock(width // 2) for _ in range(_N_BLOCKS)))
        self.last = _linear(width // 2, 3 * len(FREE_JOINTS))
        self.spread = _linear(width // 2, len(BODY_15))  # its name in all stored weights
        _draw_weights(self, rng)
        _draw_small(self.last, rng)
        _draw_small(self.spread, rng)

    @property
    def hidden_weights(self) -> list[Tensor]:
        """The matrices between hidden layers, in stacks of two, all square and of one size."""
        return [
            layer.weight for layer in self.blocks.modules() if isinstance(layer, MirroredLinear)
        ]

    def forward(
        self, seen: LifterInput
    ) -> tuple[Float[Tensor, "pose 15 3"], Float[Tensor, "pose 15"]]:
        """Return joints in the unit of the input, pelvis at the origin, and their uncertainty.

        The uncertainty is the expected joint error. Its gradient ends at the hidden
        layers, which serve the joints alone.

        Args:
            seen: A normalized observation.
        """
        person, mirror_image = self._hidden(seen)
        correction = self._corrections(person, mirror_image)
        log_uncertainty = self.spread(person.detach())
        log_uncertainty = log_uncertainty + self.spread(mirror_image.detach())[:, BODY_15.mirror]
        uncertainty = (
            (log_uncertainty / 2).clamp(*_LOG_UNCERTAINTY).exp()
        )  # finite for those that are none, too
        return _whole_pose(seen, correction), uncertainty

    def _hidden(self, seen: LifterInput) -> tuple[Tensor, Tensor]:
        observed = features(seen, self.table), features(seen.mirrored(), self.table)
        pair = torch.cat([self.first(side) for side in observed], dim=1)
        person, mirror_image = self.blocks(functional.leaky_relu(pair, _SLOPE)).chunk(2, dim=1)
        return person, mirror_image

    def _corrections(
        self, person: Float[Tensor, "pose half"], mirror_image: Float[Tensor, "pose half"]
    ) -> Float[Tensor, "pose free 3"]:
        shape = (len(FREE_JOINTS), 3)
        own, mirrored = (self.last(side).unflatten(1, shape) for side in (person, mirror_image))
        return (own + mirrored[:, _FREE_MIRROR] * own.new_tensor([-1, 1, 1])) / 2


def _whole_pose(
    seen: LifterInput, correction: Float[Tensor, "pose free 3"]
) -> Float[Tensor, "pose 15 3"]:
    """Add corrections to what is seen; neck and pelvis lie in the middle of their sides."""
    free = BODY_15.indices(FREE_JOINTS)
    joints = correction.new_zeros(len(correction), len(BODY_15), 3)
    joints[:, free] = functional.pad(seen.visible_joints()[:, free], (0, 1)) + correction
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
        if isinstance(layer, nn.Linear | MirroredLinear):
            bound = 1 / math.sqrt(layer.weight.shape[-1])
            nn.init.uniform_(layer.weight, -bound, bound, generator=rng)
            nn.init.uniform_(layer.bias, -bound, bound, generator=rng)


def _draw_small(layer: nn.Module, rng: torch.Generator) -> None:
    """Draw a last layer that starts near zero: flat poses, small corrections."""
    assert isinstance(layer, nn.Linear)
    nn.init.normal_(layer.weight, std=0.02, generator=rng)
    nn.init.zeros_(layer.bias)
