"""The 2D people that training starts from: complete ones, as canonical bones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pose_lib.errors import InputError
from pose_lib.lifting.bones import (
    LIMBS,
    bone_indices,
    bone_vectors,
    estimate_scale,
    measure_bone_lengths,
    mirrored_bones,
)
from pose_lib.skeleton import BODY_15

MIN_PEOPLE = 100
MIN_PEOPLE_OF_A_SOURCE = 1000
"""From so many on, a source's bone lengths are known to a hundredth of a trunk length."""
_LONGEST_LIMB = 1.35  # canonical; beyond it an annotation is wrong or the view too close
_FACING_BINS = 14


@dataclass(frozen=True)
class NormalizedPoses:
    """Complete 2D people, normalized by position, size and their source's bone lengths.

    Attributes:
        bones: Canonical bone vectors in the image.
        table: Bone lengths of the source in trunk lengths.
        weights: How often to show each person, so that facing comes out even.
        n_incomplete: People left out because a joint was missing.
        n_implausible: People left out because a limb looked too long.
    """

    bones: Float[Tensor, "person 12 2"]
    table: Float[Tensor, "12"]
    weights: Float[Tensor, "person"]
    n_incomplete: int
    n_implausible: int

    def __len__(self) -> int:
        return len(self.bones)

    def as_photographed(self) -> "NormalizedPoses":
        """Return the same people, each shown as often as any other."""
        return replace(self, weights=torch.full_like(self.weights, 1 / len(self)))

    def draw(self, n: int, rng: torch.Generator) -> Float[Tensor, "n 12 2"]:
        """Draw people by weight, half of them mirrored."""
        drawn = self.bones[torch.multinomial(self.weights, n, replacement=True, generator=rng)]
        flip = torch.rand(n, 1, 1, generator=rng) < 0.5
        return torch.where(flip, mirrored_bones(drawn), drawn)


def canonical_people(poses: Float[np.ndarray, "pose 15 3"]) -> NormalizedPoses:
    """Keep the complete people and normalize them by bone lengths measured on themselves.

    Args:
        poses: ``BODY_15``; x, y in any unit and confidence, missing is ``(nan, nan, 0)``.

    Raises:
        InputError: If too few people are complete, or all joints coincide.
    """
    complete = _complete(poses)
    _require_enough(int(complete.sum()), len(poses), "complete people")
    joints = with_midpoint_neck_and_pelvis(torch.from_numpy(poses[complete, :, :2]).float())
    extended = (joints - joints[:, :1]).abs().amax(dim=(1, 2)) > 0
    _require_enough(int(extended.sum()), len(joints), "people whose joints do not all coincide")

    table = measure_bone_lengths(joints[extended])
    bones = canonical_bones(bone_vectors(joints[extended]), table)
    longest = bones[:, bone_indices(*LIMBS)].norm(dim=-1).amax(dim=1)
    plausible = longest < _LONGEST_LIMB  # false for NaN, too
    _require_enough(int(plausible.sum()), len(bones), "people of plausible proportions")
    return NormalizedPoses(
        bones=bones[plausible],
        table=table,
        weights=facing_weights(bones[plausible]),
        n_incomplete=int((~complete).sum()),
        n_implausible=int(complete.sum() - plausible.sum()),
    )


def people_by_source(
    poses: Float[np.ndarray, "pose 15 3"], counts: Sequence[int] = (), *, most: int = 1
) -> tuple[NormalizedPoses, ...]:
    """Normalize the people of each source by its own bone lengths, the largest source first.

    Data sets put the joints of the same body in different places: pooled, they
    would be normalized by bone lengths that are right for none of them.

    Args:
        poses: As of `canonical_people`, source after source.
        counts: How many poses each source has; by default all are of one.
        most: Sources to keep apart at most. The others, and those with fewer than
            `MIN_PEOPLE_OF_A_SOURCE` complete people, join the largest.

    Raises:
        InputError: If too few people are complete and plausible.
        ValueError: If the counts do not add up to the poses.
    """
    counts = counts or (len(poses),)
    if sum(counts) != len(poses):
        raise ValueError(f"{tuple(counts)} do not add up to {len(poses)} poses")
    sources = np.split(poses, np.cumsum(counts)[:-1])
    ordered = sorted(sources, key=_n_complete, reverse=True)
    own = [
        n < most and _n_complete(part) >= MIN_PEOPLE_OF_A_SOURCE for n, part in enumerate(ordered)
    ]
    joined = [part for part, alone in zip(ordered[1:], own[1:], strict=True) if not alone]
    apart = [part for part, alone in zip(ordered[1:], own[1:], strict=True) if alone]
    return tuple(map(canonical_people, [np.concatenate([ordered[0], *joined]), *apart]))


def with_midpoint_neck_and_pelvis(
    joints: Float[Tensor, "pose 15 dim"],
) -> Float[Tensor, "pose 15 dim"]:
    """Put neck and pelvis half way between shoulders and hips, whatever an annotator chose."""
    moved = joints.clone()
    for middle, sides in (("neck", "shoulder"), ("pelvis", "hip")):
        left, right = BODY_15.index(f"left_{sides}"), BODY_15.index(f"right_{sides}")
        moved[:, BODY_15.index(middle)] = (joints[:, left] + joints[:, right]) / 2
    return moved


def canonical_bones(
    bones: Float[Tensor, "pose 12 2"], table: Float[Tensor, "12"]
) -> Float[Tensor, "pose 12 2"]:
    """Divide bones by the length they would show in the image plane."""
    size = estimate_scale(bones.norm(dim=-1), table[None], longest=3)
    return bones / (size[:, None] * table)[..., None]


def facing_weights(bones: Float[Tensor, "pose 12 2"]) -> Float[Tensor, "pose"]:
    """Return weights under which people face all directions equally often.

    Photographers prefer faces; a random new view does not, and the discriminator would see the
    difference. For an even azimuth, the cosine of facing follows the arcsine law.
    """
    axes = bone_indices("hip_axis", "shoulder_axis")
    facing = bones[:, axes, 0].mean(1).clamp(-1, 1)
    edges = torch.linspace(-1, 1, _FACING_BINS + 1)
    found = torch.histc(facing, _FACING_BINS, -1, 1) / len(facing)
    wanted = edges.asin().diff() / math.pi
    ratio = (wanted / found.clamp_min(1e-4)).clamp(0.2, 8)
    weights = ratio[torch.bucketize(facing, edges[1:-1])]
    return weights / weights.sum()


def _complete(poses: Float[np.ndarray, "pose 15 3"]) -> Bool[np.ndarray, "pose"]:
    return (poses[..., 2] > 0).all(1) & np.isfinite(poses).all((1, 2))


def _n_complete(poses: Float[np.ndarray, "pose 15 3"]) -> int:
    return int(_complete(poses).sum())


def _require_enough(n: int, n_given: int, what: str) -> None:
    if n < MIN_PEOPLE:
        raise InputError(
            f"too few people to train on: {MIN_PEOPLE} {what} are needed, but only {n} of "
            f"{n_given} are; add more 2D poses, or take a lifter that is already trained"
        )
