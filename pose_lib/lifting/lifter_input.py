"""What a lifter is given: some joints, their confidences, and maybe bone-length ratios."""

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
_RATIO_SCALE = 5.0  # brings them to the size of the other features
N_FEATURES = 4 * len(BODY_15) + 3 * len(BONES) + len(CONDITIONED_KINDS) + 1


@dataclass(frozen=True)
class LifterInput:
    """2D people as a lifter sees them.

    Attributes:
        joints: Image positions; anything finite where not seen.
        confidence: 0 to 1; 0 where a joint was not seen.
        bone_length_ratios: Log ratios of the bone lengths to the lifter's table, by kind of
            bone, relative to the spine's; all zero where not conditioned.
        conditioned: One where the ratios are known, else zero.
    """

    joints: Float[Tensor, "pose 15 2"]
    confidence: Float[Tensor, "pose 15"]
    bone_length_ratios: Float[Tensor, "pose 7"]
    conditioned: Float[Tensor, "pose"]

    @property
    def visible(self) -> Bool[Tensor, "pose 15"]:
        return self.confidence > 0

    def visible_joints(self) -> Float[Tensor, "pose 15 2"]:
        """The joints, zero where not seen."""
        return torch.where(self.visible[..., None], self.joints, 0)

    def to(self, device: str) -> "LifterInput":
        """The same people on another device."""
        parts = (self.joints, self.confidence, self.bone_length_ratios, self.conditioned)
        return LifterInput(*(part.to(device) for part in parts))

    def mirrored(self) -> "LifterInput":
        """The mirror image: x negated, left and right swapped."""
        joints = self.joints[:, BODY_15.mirror] * self.joints.new_tensor([-1.0, 1.0])
        confidence = self.confidence[:, BODY_15.mirror]
        return LifterInput(joints, confidence, self.bone_length_ratios, self.conditioned)

    def lengths(self, table: Float[Tensor, "12"]) -> Float[Tensor, "pose 12"]:
        """The table times the ratios, which are one where not conditioned."""
        by_kind = self.bone_length_ratios.new_zeros(len(self.bone_length_ratios), len(KINDS))
        by_kind[:, [KINDS.index(kind) for kind in CONDITIONED_KINDS]] = self.bone_length_ratios
        return table * by_kind[:, BONE_KIND].exp()

    def bones(self) -> Float[Tensor, "pose 12 2"]:
        """Bone vectors, NaN where an end was not seen."""
        seen = (self.visible[:, BONE_STARTS] & self.visible[:, BONE_ENDS])[..., None]
        return torch.where(seen, bone_vectors(self.joints), torch.nan)


def log_length_ratios(
    lengths: Float[Tensor, "*pose 12"], table: Float[Tensor, "12"]
) -> Float[Tensor, "*pose 7"]:
    """Return the log ratios of bone lengths to the table, relative to the spine's."""
    ratio = (lengths / table).log()
    first_of_kind = [BONE_KIND.tolist().index(kind) for kind in range(len(KINDS))]
    by_kind = ratio[..., first_of_kind]
    kinds = [KINDS.index(kind) for kind in CONDITIONED_KINDS]
    return by_kind[..., kinds] - by_kind[..., _SPINE, None]


def normalized(
    seen: LifterInput, table: Float[Tensor, "12"]
) -> tuple[LifterInput, Float[Tensor, "pose"]]:
    """Center people on their visible joints and scale them to trunk lengths.

    Returns:
        The input with new joints, and the image length of one trunk length, zero where no
        bone is seen.
    """
    weight = seen.visible[..., None].float()
    middle = (seen.visible_joints() * weight).sum(1, keepdim=True)
    middle = middle / weight.sum(1, keepdim=True).clamp_min(1)
    size = estimate_scale(seen.bones().norm(dim=-1), seen.lengths(table), longest=4)
    joints = (seen.joints - middle) / size.clamp_min(1e-9)[:, None, None]
    scaled = LifterInput(joints, seen.confidence, seen.bone_length_ratios, seen.conditioned)
    return scaled, size


def features(seen: LifterInput, table: Float[Tensor, "12"]) -> Float[Tensor, "pose feature"]:
    """Return the numbers that the regressor reads from a normalized input."""
    bones = seen.bones() / seen.lengths(table)[..., None]
    reach = depth_bound(bones)
    parts = (
        seen.visible_joints().flatten(1),
        seen.visible.float(),
        seen.confidence,
        torch.nan_to_num(bones, nan=0.0).flatten(1),
        torch.nan_to_num(reach, nan=0.0),
        _RATIO_SCALE * seen.bone_length_ratios,
        seen.conditioned[:, None],
    )
    return torch.cat(parts, dim=1)
