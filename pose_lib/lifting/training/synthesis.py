"""Synthetic pairs for the student: lifted people with other bodies, cameras and detection errors.

Re-projecting what the generators lifted gives any number of 2D people whose 3D is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from pose_lib.lifting.bones import (
    AVERAGE_LENGTHS,
    BONE_KIND,
    BONE_NAMES,
    KINDS,
    joints_of,
    mirrored_bones,
)
from pose_lib.lifting.lifter_input import LifterInput, log_length_ratios
from pose_lib.lifting.networks import Generator
from pose_lib.lifting.training.camera import projected, seen_from_elsewhere, turned
from pose_lib.lifting.training.canonical_people import NormalizedPoses
from pose_lib.lifting.training.config import CameraConfig, DistillConfig
from pose_lib.lifting.training.detection_noise import report_people
from pose_lib.skeleton import BODY_15

_GROUPS = (
    ("spine",),
    ("thigh", "shin"),
    ("upper_arm", "forearm"),
    ("hip_axis",),
    ("shoulder_axis",),
)
"""Kinds of bones whose lengths differ together between joint conventions."""

_LEGS, _RIGHT_ARM, _LEFT_ARM = (
    [BONE_NAMES.index(name) for name in names]
    for names in (
        ("hip_axis", "right_thigh", "right_shin", "left_thigh", "left_shin"),
        ("right_upper_arm", "right_forearm"),
        ("left_upper_arm", "left_forearm"),
    )
)
_SHORTEST_LIFTED = 0.3  # canonical; a shorter bone points nowhere in particular
_HEAD_YAW = 0.5  # radians, how far heads turn


@dataclass(frozen=True)
class Corpus:
    """Lifted people as directions of their bones.

    Attributes:
        bones: Unit vectors, camera frame.
        weights: How often to show each.
    """

    bones: Float[Tensor, "pose 12 3"]
    weights: Float[Tensor, "pose"]

    def draw(self, n: int, rng: torch.Generator) -> Float[Tensor, "n 12 3"]:
        """Draw poses by weight, half of them mirrored."""
        drawn = self.bones[torch.multinomial(self.weights, n, replacement=True, generator=rng)]
        flip = torch.rand(n, 1, 1, generator=rng) < 0.5
        return torch.where(flip, mirrored_bones(drawn), drawn)

    def draw_mixed(
        self, n: int, config: DistillConfig, rng: torch.Generator
    ) -> Float[Tensor, "n 12 3"]:
        """Draw poses, some of them with the legs or an arm of somebody else.

        Part recombination: fifteen thousand people show few of the poses that legs and arms can
        take together, and a student trained on these alone errs twice as much on others.
        """
        bones = self.draw(n, rng)
        for part, axis, share in (
            (_LEGS, "hip_axis", config.leg_swap_probability),
            (_RIGHT_ARM, "shoulder_axis", config.arm_swap_probability),
            (_LEFT_ARM, "shoulder_axis", config.arm_swap_probability),
        ):
            lent = _facing_alike(self.draw(n, rng), bones, axis)[:, part]
            taken = torch.rand(n, 1, 1, generator=rng) < share
            bones[:, part] = torch.where(taken, lent, bones[:, part])
        return bones


def _facing_alike(
    bones: Float[Tensor, "pose 12 3"], others: Float[Tensor, "pose 12 3"], axis: str
) -> Float[Tensor, "pose 12 3"]:
    """Turn poses about the vertical until an axis of theirs points where that of others does."""
    number = BONE_NAMES.index(axis)
    here, there = (torch.atan2(pose[:, number, 2], pose[:, number, 0]) for pose in (bones, others))
    return turned(bones, here - there)


@torch.no_grad()
def lift_corpus(people: NormalizedPoses, generator: Generator) -> Corpus:
    """Lift everyone; keep only the bones' directions.

    Bodies are right by construction once lengths come from a table.
    """
    lifted = torch.cat([people.bones, generator(people.bones)[..., None]], dim=-1)
    bones = lifted / lifted.norm(dim=-1, keepdim=True).clamp_min(_SHORTEST_LIFTED)
    return Corpus(bones, people.weights)


def join_corpora(parts: Sequence[Corpus]) -> Corpus:
    """Put corpora together so that each is shown equally often.

    Where generators disagree, the corpus keeps the variety.
    """
    bones = torch.cat([part.bones for part in parts])
    return Corpus(bones, torch.cat([part.weights / len(parts) for part in parts]))


def photograph(
    corpus: Corpus, n: int, config: DistillConfig, camera: CameraConfig, rng: torch.Generator
) -> tuple[LifterInput, Float[Tensor, "pose 15 3"]]:
    """Make random people as a detector would report them.

    Returns:
        What is seen, and the true joints in trunk lengths, pelvis at the origin.
    """
    convention = _convention_lengths(n, config, rng)
    person = _factors_by_kind(n, config.person_log_std, rng)
    bones = corpus.draw_mixed(n, config, rng) * (convention * person)[..., None]
    joints = seen_from_elsewhere(_with_nose(joints_of(bones), config, rng), camera, rng)

    exact = projected(joints, camera, rng)
    box = (exact.amax(dim=1) - exact.amin(dim=1)).amax(dim=1)
    seen, confidence = report_people(exact, box, config.noise, rng)

    conditioned = (torch.rand(n, generator=rng) < config.conditioning_probability).float()
    ratios = log_length_ratios(convention, AVERAGE_LENGTHS) * conditioned[:, None]
    return LifterInput(seen, confidence, ratios, conditioned), joints


def _convention_lengths(
    n: int, config: DistillConfig, rng: torch.Generator
) -> Float[Tensor, "n 12"]:
    """Draw bone lengths around the average, as populations and detectors give them."""
    of_group = config.group_log_std * torch.randn(n, len(_GROUPS), generator=rng)
    by_kind = torch.zeros(n, len(KINDS))
    for group, kinds in enumerate(_GROUPS):
        by_kind[:, [KINDS.index(kind) for kind in kinds]] = of_group[:, [group]]
    return (
        AVERAGE_LENGTHS
        * by_kind[:, BONE_KIND].exp()
        * _factors_by_kind(n, config.bone_log_std, rng)
    )


def _factors_by_kind(n: int, log_std: float, rng: torch.Generator) -> Float[Tensor, "n 12"]:
    return (log_std * torch.randn(n, len(KINDS), generator=rng)).exp()[:, BONE_KIND]


def _with_nose(
    joints: Float[Tensor, "pose 15 3"], config: DistillConfig, rng: torch.Generator
) -> Float[Tensor, "pose 15 3"]:
    """Move the nose forward by a random distance, where a randomly turned head would have it."""
    neck = joints[:, BODY_15.index("neck")]
    right, left = (joints[:, BODY_15.index(f"{side}_shoulder")] for side in ("right", "left"))
    to_right = functional.normalize(right - left, dim=-1)
    ahead = functional.normalize(torch.linalg.cross(neck, to_right), dim=-1)
    yaw = _HEAD_YAW * torch.randn(len(joints), 1, generator=rng)
    forward = config.nose_forward * torch.rand(len(joints), 1, generator=rng)
    moved = joints.clone()
    moved[:, BODY_15.index("nose")] += forward * (yaw.cos() * ahead + yaw.sin() * to_right)
    return moved
