"""The camera of Chen 2019, ElePose and LInKs: a pinhole at ten trunk lengths from everybody.

Camera frame: x right, y down, z away from the viewer; trunk lengths, pelvis at the origin. The
papers have pictures in tenths of that unit, where depth ten shows things in their true size.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pose_lib.lifting.training.camera import pitched, turned
from research.baselines.people import rooted_depth

DISTANCE = 10.0
_NEAREST = 1.0
PICTURE_UNIT = 0.1
"""The papers' unit of 2D; losses on pictures are weighted by it."""


@dataclass(frozen=True)
class Turn:
    """A rotation about the pelvis: undo a camera's pitch, turn about the vertical, pitch anew."""

    level: Float[Tensor, "pose"]
    azimuth: Float[Tensor, "pose"]
    pitch: Float[Tensor, "pose"]

    def __call__(self, joints: Float[Tensor, "pose 15 3"]) -> Float[Tensor, "pose 15 3"]:
        return pitched(turned(pitched(joints, self.level), self.azimuth), self.pitch)

    def undo(self, joints: Float[Tensor, "pose 15 3"]) -> Float[Tensor, "pose 15 3"]:
        return pitched(turned(pitched(joints, -self.pitch), -self.azimuth), -self.level)


@dataclass(frozen=True)
class Cycle:
    """People lifted, seen from elsewhere, lifted again and brought back.

    Attributes:
        seen: 2D as given.
        lifted: Its 3D.
        view: 2D from elsewhere.
        turned: The 3D that the view shows.
        relifted: The 3D made from the view.
        back: ``relifted`` turned back.
    """

    seen: Float[Tensor, "pose 15 2"]
    lifted: Float[Tensor, "pose 15 3"]
    view: Float[Tensor, "pose 15 2"]
    turned: Float[Tensor, "pose 15 3"]
    relifted: Float[Tensor, "pose 15 3"]
    back: Float[Tensor, "pose 15 3"]

    @property
    def seen_again(self) -> Float[Tensor, "pose 15 2"]:
        return projected(self.back)


def cycled(
    seen: Float[Tensor, "pose 15 2"],
    lifted: Float[Tensor, "pose 15 3"],
    turn: Turn,
    lift: Callable[[Tensor], Tensor],
) -> Cycle:
    there = turn(lifted)
    view = projected(there)
    relifted = lift(view)
    return Cycle(seen, lifted, view, there, relifted, turn.undo(relifted))


def in_space(
    seen: Float[Tensor, "pose 15 2"], depth: Float[Tensor, "pose 15"]
) -> Float[Tensor, "pose 15 3"]:
    """Put joints at these depths behind the pelvis, each on its ray."""
    away = (DISTANCE + rooted_depth(depth)).clamp_min(_NEAREST)[..., None]
    return torch.cat([seen * away / DISTANCE, away - DISTANCE], dim=-1)


def projected(joints: Float[Tensor, "pose 15 3"]) -> Float[Tensor, "pose 15 2"]:
    return joints[..., :2] * DISTANCE / (DISTANCE + joints[..., 2:]).clamp_min(_NEAREST)
