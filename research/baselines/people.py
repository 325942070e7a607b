"""2D people as the peers see them: whole, pelvis at the origin, in trunk lengths, y down."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pose_lib.lifting.bones import (
    bone_vectors,
    estimate_scale,
    joints_of,
    measure_bone_lengths,
    mirrored_bones,
)
from pose_lib.lifting.training.canonical_people import (
    NormalizedPoses,
    canonical_people,
    with_midpoint_neck_and_pelvis,
)
from pose_lib.skeleton import BODY_15
from research.baselines.training import Curve, Lift, Trained

PELVIS = BODY_15.index("pelvis")
_QUERIES_AT_ONCE = 256
_SIZE_SPREAD = 0.1
"""Log-normal, as people's heights and distances differ. A size that all pictures share exactly
would betray every view, and would leave a flow's density without bound."""


@dataclass(frozen=True)
class People:
    """The training people, to draw from, and the way others are brought to the same form."""

    canonical: NormalizedPoses

    @classmethod
    def of(cls, poses: Float[np.ndarray, "pose 15 3"]) -> "People":
        return cls(canonical_people(poses))

    def __len__(self) -> int:
        return len(self.canonical)

    @property
    def table(self) -> Float[Tensor, "12"]:
        """Bone lengths in trunk lengths, measured on these people's 2D alone."""
        return self.canonical.table

    def draw(self, n: int, rng: torch.Generator) -> Float[Tensor, "n 15 2"]:
        """Draw people that face all directions equally often, half of them mirrored."""
        size = (_SIZE_SPREAD * torch.randn(n, 1, 1, generator=rng)).exp()
        return size * joints_of(self.canonical.draw(n, rng) * self.table[:, None])

    def everybody(self) -> Float[Tensor, "person 15 2"]:
        """Return all people and their mirror images."""
        bones = self.canonical.bones
        return joints_of(torch.cat([bones, mirrored_bones(bones)]) * self.table[:, None])

    def normalized(self, poses: Float[np.ndarray, "pose 15 3"]) -> Float[Tensor, "pose 15 2"]:
        """Bring people in pixels to the form of the training people, missing joints filled."""
        joints = torch.from_numpy(poses[..., :2]).float()
        visible = torch.from_numpy(poses[..., 2] > 0) & joints.isfinite().all(-1)
        whole = with_midpoint_neck_and_pelvis(filled(joints, visible, self.everybody()))
        return at_unit_size(whole - whole[:, [PELVIS]], self.table)[0]

    def lifter(self, lift: Callable[[Tensor], Tensor]) -> Lift:
        """Return a lifter of people in pixels, given one of normalized people."""

        @torch.no_grad()
        def lift_pixels(poses: np.ndarray) -> np.ndarray:
            return lift(self.normalized(poses)).numpy()

        return lift_pixels

    def trained(self, lift: Callable[[Tensor], Tensor], curve: Curve) -> Trained:
        """Return what a method hands back, given its lifter of normalized people."""
        from_pixels = self.lifter(lift)
        return Trained(from_pixels, curve, self.told(from_pixels))

    def told(self, lift: Lift) -> Lift:
        """Return a lifter of another source's people, who are given these people's proportions.

        This puts canonical bones around a method that has none: each 2D bone is multiplied by the
        ratio of the two sources' lengths, both measured on 2D, and each 3D bone divided by it.
        """

        def lift_others(others: np.ndarray) -> np.ndarray:
            joints = with_midpoint_neck_and_pelvis(torch.from_numpy(others[..., :2]).float())
            ratio = (self.table / measure_bone_lengths(joints))[:, None]
            changed = others.copy()
            changed[..., :2] = joints_of(bone_vectors(joints) * ratio).numpy()
            lifted = torch.from_numpy(lift(changed)).float()
            return joints_of(bone_vectors(lifted) / ratio).numpy()

        return lift_others


def at_unit_size(
    joints: Float[Tensor, "pose 15 2"], table: Float[Tensor, "12"]
) -> tuple[Float[Tensor, "pose 15 2"], Float[Tensor, "pose 1 1"]]:
    """Divide people by the length at which they show one trunk length; return it too."""
    lengths = bone_vectors(joints).norm(dim=-1)
    size = estimate_scale(lengths, table[None], longest=3).clamp_min(1e-6)[:, None, None]
    return joints / size, size


def rooted_depth(depth: Float[Tensor, "pose 15"]) -> Float[Tensor, "pose 15"]:
    """Put neck and pelvis half way between shoulders and hips in depth, too; the pelvis at zero.

    A neck with a depth of its own leaves the shoulders' plane to give their bones the right length.
    """
    middles = with_midpoint_neck_and_pelvis(depth[..., None])[..., 0]
    return middles - middles[:, [PELVIS]]


def filled(
    joints: Float[Tensor, "pose 15 2"],
    visible: Bool[Tensor, "pose 15"],
    gallery: Float[Tensor, "known 15 2"],
) -> Float[Tensor, "pose 15 2"]:
    """Take missing joints from the person of the gallery whose other joints fit best."""
    torn = ~visible.all(1)
    if not torn.any():
        return joints
    index, scale, shift = best_match(joints[torn], visible[torn], gallery)
    guess = scale[:, None, None] * gallery[index] + shift[:, None]
    whole = joints.clone()
    whole[torn] = torch.where(visible[torn][..., None], joints[torn], guess)
    return whole


def best_match(
    joints: Float[Tensor, "pose 15 2"],
    visible: Bool[Tensor, "pose 15"],
    gallery: Float[Tensor, "known 15 2"],
) -> tuple[Int[Tensor, "pose"], Float[Tensor, "pose"], Float[Tensor, "pose 2"]]:
    """Return who fits the visible joints best once moved and scaled, and how they must be."""
    parts = [
        _best_match(joints[start : start + _QUERIES_AT_ONCE], some, gallery)
        for start, some in zip(
            range(0, len(joints), _QUERIES_AT_ONCE), visible.split(_QUERIES_AT_ONCE), strict=True
        )
    ]
    index, scale, shift = (torch.cat(part) for part in zip(*parts, strict=True))
    return index, scale, shift


def _best_match(joints, visible, gallery):
    """Least squares in closed form, for all pairs at once."""
    weight = visible / visible.sum(1, keepdim=True).clamp_min(1)
    known = torch.where(visible[..., None], joints, 0)
    middle = (weight[..., None] * known).sum(1)
    known = torch.where(visible[..., None], known - middle[:, None], 0)
    size = (weight[..., None] * known.square()).sum((1, 2)).sqrt().clamp_min(1e-9)
    known = known / size[:, None, None]

    pull = (weight[..., None] * known).flatten(1) @ gallery.flatten(1).T
    middles = torch.einsum("pj,gjd->pgd", weight, gallery)
    spread = weight @ gallery.square().sum(-1).T - middles.square().sum(-1)
    likeness = pull / spread.clamp_min(1e-9).sqrt()
    index = likeness.argmax(1)

    row = torch.arange(len(index))
    scale = size * (pull / spread.clamp_min(1e-9))[row, index].clamp_min(0)
    return index, scale, middle - scale[:, None] * middles[row, index]
