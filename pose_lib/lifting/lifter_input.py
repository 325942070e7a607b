"""What a lifter is shown of people: some joints, how sure they are, and maybe proportions."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pose_lib.lifting.bones import (
    BONE_ENDS,
    BONE_KIND,
    BONE_STARTS,
    BONES,
    KINDS,
    bone_vectors,
    depth_bound,
    estimate_scale,
)
from pose_lib.skeleton import BODY_15

_SPINE = KINDS.index("spine")
CONDITIONED_KINDS = tuple(kind for kind in KINDS if kind != "spine")
_PROPORTION_SCALE = 5.0  # brings them to the size of the other features
N_FEATURES = 4 * len(BODY_15) + 3 * len(BONES) + len(CONDITIONED_KINDS) + 1


@dataclass(frozen=True)
class LifterInput:
    """2D people as a lifter sees them.

    Attributes:
        joints: Image positions; anything finite where not seen.
        confidence: 0 to 1; 0 where a joint was not seen.
        proportions: Logarithm of the source's bone lengths over the lifter's table, by kind of
            bone, the spine's taken as right; all zero where not told.
        told: One where the proportions are known, else zero.
    """

    joints: Float[Tensor, "pose 15 2"]
    confidence: Float[Tensor, "pose 15"]
    proportions: Float[Tensor, "pose 7"]
    told: Float[Tensor, "pose"]

    @property
    def visible(self) -> Bool[Tensor, "pose 15"]:
        return self.confidence > 0

    def visible_joints(self) -> Float[Tensor, "pose 15 2"]:
        """The joints, zero where not seen."""
        return torch.where(self.visible[..., None], self.joints, 0)

    def to(self, device: str) -> "LifterInput":
        """The same people on another device."""
        parts = (self.joints, self.confidence, self.proportions, self.told)
        return LifterInput(*(part.to(device) for part in parts))

    def mirrored(self) -> "LifterInput":
        """The mirror image: x negated, left and right swapped."""
        joints = self.joints[:, BODY_15.mirror] * self.joints.new_tensor([-1.0, 1.0])
        confidence = self.confidence[:, BODY_15.mirror]
        return LifterInput(joints, confidence, self.proportions, self.told)

    def lengths(self, table: Float[Tensor, "12"]) -> Float[Tensor, "pose 12"]:
        """Bone lengths to expect: the told proportions, or the table as it is."""
        by_kind = self.proportions.new_zeros(len(self.proportions), len(KINDS))
        by_kind[:, [KINDS.index(kind) for kind in CONDITIONED_KINDS]] = self.proportions
        return table * by_kind[:, BONE_KIND].exp()

    def bones(self) -> Float[Tensor, "pose 12 2"]:
        """Bone vectors, NaN where an end was not seen."""
        seen = (self.visible[:, BONE_STARTS] & self.visible[:, BONE_ENDS])[..., None]
        return torch.where(seen, bone_vectors(self.joints), torch.nan)


def proportions_of(
    lengths: Float[Tensor, "*pose 12"], table: Float[Tensor, "12"]
) -> Float[Tensor, "*pose 7"]:
    """Return how bone lengths compare to the table, as observations tell it."""
    ratio = (lengths / table).log()
    first_of_kind = [BONE_KIND.tolist().index(kind) for kind in range(len(KINDS))]
    by_kind = ratio[..., first_of_kind]
    told = [KINDS.index(kind) for kind in CONDITIONED_KINDS]
    return by_kind[..., told] - by_kind[..., _SPINE, None]


def normalized(
    seen: LifterInput, table: Float[Tensor, "12"]
) -> tuple[LifterInput, Float[Tensor, "pose"]]:
    """Center people on their visible joints and scale them to trunk lengths.

    Returns:
        The observation with new joints, and the image length of one trunk length, zero where no
        bone is seen.
    """
    weight = seen.visible[..., None].float()
    middle = (seen.visible_joints() * weight).sum(1, keepdim=True)
    middle = middle / weight.sum(1, keepdim=True).clamp_min(1)
    size = estimate_scale(seen.bones().norm(dim=-1), seen.lengths(table), longest=4)
    joints = (seen.joints - middle) / size.clamp_min(1e-9)[:, None, None]
    scaled = LifterInput(joints, seen.confidence, seen.proportions, seen.told)
    return scaled, size


def features(seen: LifterInput, table: Float[Tensor, "12"]) -> Float[Tensor, "pose feature"]:
    """Return the numbers that the regressor reads from a normalized observation."""
    bones = seen.bones() / seen.lengths(table)[..., None]
    reach = depth_bound(bones)
    parts = (
        seen.visible_joints().flatten(1),
        seen.visible.float(),
        seen.confidence,
        torch.nan_to_num(bones, nan=0.0).flatten(1),
        torch.nan_to_num(reach, nan=0.0),
        _PROPORTION_SCALE * seen.proportions,
        seen.told[:, None],
    )
    return torch.cat(parts, dim=1)
