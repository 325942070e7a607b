"""Stage 2's training data: lifted people in other bodies, before other cameras, badly detected.

Re-projecting what the generators lifted gives any number of 2D people whose 3D is known.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from pose_lib.lifting.bones import (
    AVERAGE_LENGTHS,
    BONE_KIND,
    KINDS,
    joints_of,
    mirrored_bones,
)
from pose_lib.lifting.camera import projected, seen_from_elsewhere
from pose_lib.lifting.config import CameraConfig, RefineConfig
from pose_lib.lifting.networks import Generator
from pose_lib.lifting.observation import Observation, proportions_of
from pose_lib.lifting.people import CanonicalPeople, with_middles
from pose_lib.skeleton import BODY_15

_GROUPS = (
    ("spine",),
    ("thigh", "shin"),
    ("upper_arm", "forearm"),
    ("hip_axis",),
    ("shoulder_axis",),
)
"""Kinds of bones whose lengths differ together between sources."""

_SHORTEST_LIFTED = 0.3  # canonical; a shorter bone points nowhere in particular
_HEAD_YAW = 0.5  # radians, how far heads turn
_JOINT_SPREAD = 0.5  # log-normal: one joint's noise compared to its person's
_OUTLIER = 0.12  # of the box
_NEARLY_CLEAN = 0.003  # of the box
_UNSURE = 0.04  # of the box; an error of this size costs most of a joint's confidence

_LIMB_ENDS = tuple(
    ends
    for side in ("right", "left")
    for ends in (
        (f"{side}_wrist",),
        (f"{side}_elbow", f"{side}_wrist"),
        (f"{side}_ankle",),
        (f"{side}_knee", f"{side}_ankle"),
    )
)
_KNEES_AND_ANKLES = ("right_knee", "right_ankle", "left_knee", "left_ankle")
_CROPS = (
    ("right_ankle", "left_ankle"),
    _KNEES_AND_ANKLES,
    (*_KNEES_AND_ANKLES, "right_hip", "left_hip", "pelvis"),
)
"""Joints that are missing together: hidden ends of limbs, and what lies below the picture."""


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


@torch.no_grad()
def lift_corpus(people: CanonicalPeople, generators: list[Generator]) -> Corpus:
    """Lift everyone with every generator; keep only the bones' directions.

    Bodies are right by construction once lengths come from a table, and what generators disagree
    about stays in the corpus as variety.
    """
    lifts = []
    for generator in generators:
        lifted = torch.cat([people.bones, generator(people.bones)[..., None]], dim=-1)
        lifts.append(lifted / lifted.norm(dim=-1, keepdim=True).clamp_min(_SHORTEST_LIFTED))
    weights = people.weights.repeat(len(generators)) / len(generators)
    return Corpus(torch.cat(lifts), weights)


def photograph(
    corpus: Corpus, n: int, config: RefineConfig, camera: CameraConfig, rng: torch.Generator
) -> tuple[Observation, Float[Tensor, "pose 15 3"]]:
    """Make random people as a detector would report them.

    Returns:
        What is seen, and the true joints in trunk lengths, pelvis at the origin.
    """
    source = _source_lengths(n, config, rng)
    person = _spread_by_kind(n, config.person_spread, rng)
    bones = corpus.draw(n, rng) * (source * person)[..., None]
    joints = seen_from_elsewhere(_with_nose(joints_of(bones), config, rng), camera, rng)

    exact = projected(joints, camera, rng)
    box = (exact.amax(dim=1) - exact.amin(dim=1)).amax(dim=1)
    error = _detection_error(exact.shape, config, rng) * box[:, None, None]
    derived = torch.rand(n, generator=rng) < 0.5
    seen = torch.where(derived[:, None, None], with_middles(exact + error), exact + error)
    confidence = _confidence((seen - exact).norm(dim=-1) / box[:, None], rng)
    confidence = torch.where(_missing(n, derived, config, rng), 0, confidence)

    told = (torch.rand(n, generator=rng) < config.told_share).float()
    proportions = proportions_of(source, AVERAGE_LENGTHS) * told[:, None]
    return Observation(seen, confidence, proportions, told), joints


def _source_lengths(n: int, config: RefineConfig, rng: torch.Generator) -> Float[Tensor, "n 12"]:
    """Draw bone lengths around the average, as populations and detectors give them."""
    spread = config.group_spread * torch.randn(n, len(_GROUPS), generator=rng)
    by_kind = torch.zeros(n, len(KINDS))
    for group, kinds in enumerate(_GROUPS):
        by_kind[:, [KINDS.index(kind) for kind in kinds]] = spread[:, [group]]
    return (
        AVERAGE_LENGTHS * by_kind[:, BONE_KIND].exp() * _spread_by_kind(n, config.bone_spread, rng)
    )


def _spread_by_kind(n: int, spread: float, rng: torch.Generator) -> Float[Tensor, "n 12"]:
    return (spread * torch.randn(n, len(KINDS), generator=rng)).exp()[:, BONE_KIND]


def _with_nose(
    joints: Float[Tensor, "pose 15 3"], config: RefineConfig, rng: torch.Generator
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


def _detection_error(
    shape: torch.Size, config: RefineConfig, rng: torch.Generator
) -> Float[Tensor, "pose joint 2"]:
    """Draw how far each joint is reported from where it is, as a share of the person's box."""
    n, n_joints, _ = shape
    noisy = config.noise_lowest + (config.noise_highest - config.noise_lowest) * torch.rand(
        n, 1, generator=rng
    )
    clean = torch.rand(n, 1, generator=rng) < config.clean_share
    level = torch.where(clean, _NEARLY_CLEAN * torch.rand(n, 1, generator=rng), noisy)
    level = level * (_JOINT_SPREAD * torch.randn(n, n_joints, generator=rng)).exp()
    outlier = torch.rand(n, n_joints, generator=rng) < config.outlier_share
    level = torch.where(outlier & ~clean, _OUTLIER, level)
    return level[..., None] * torch.randn(shape, generator=rng)


def _confidence(
    error: Float[Tensor, "pose joint"], rng: torch.Generator
) -> Float[Tensor, "pose joint"]:
    """Draw confidences: all sure as annotations are, or any, or falling with the error."""
    anything = 0.3 + 0.7 * torch.rand(error.shape, generator=rng)
    falling = (-error / _UNSURE).exp() * (0.7 + 0.3 * torch.rand(error.shape, generator=rng))
    manner = torch.randint(4, (len(error), 1), generator=rng)
    unsure = torch.where(manner == 1, anything, falling)
    return torch.where(manner == 0, torch.ones_like(error), unsure).clamp(0.05, 1)


def _missing(
    n: int, derived: Bool[Tensor, "pose"], config: RefineConfig, rng: torch.Generator
) -> Bool[Tensor, "pose joint"]:
    """Draw which joints were not found: some by chance, ends of limbs, all below the picture."""
    n_joints = len(BODY_15)
    missing = torch.rand(n, n_joints, generator=rng) < 0.05
    count = torch.randint(1, 4, (n, 1), generator=rng)
    rank = torch.rand(n, n_joints, generator=rng).argsort(dim=1)
    missing |= (rank < count) & _chance(n, 0.4, rng)
    missing |= _one_of(_LIMB_ENDS, n, rng) & _chance(n, 0.2, rng)
    missing |= _one_of(_CROPS, n, rng) & _chance(n, 0.1, rng)
    for middle, sides in (("neck", "shoulder"), ("pelvis", "hip")):
        ends = BODY_15.indices((f"left_{sides}", f"right_{sides}"))
        missing[:, BODY_15.index(middle)] |= derived & missing[:, ends].any(1)
    return missing & ~_chance(n, config.whole_share, rng)


def _one_of(
    sets: tuple[tuple[str, ...], ...], n: int, rng: torch.Generator
) -> Bool[Tensor, "pose joint"]:
    members = torch.tensor([[joint in names for joint in BODY_15.joints] for names in sets])
    return members[torch.randint(len(sets), (n,), generator=rng)]


def _chance(n: int, share: float, rng: torch.Generator) -> Bool[Tensor, "pose 1"]:
    return torch.rand(n, 1, generator=rng) < share
