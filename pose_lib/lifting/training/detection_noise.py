"""How detectors report people: beside where they are, more or less sure, incomplete.

Three manners are mixed, for a lifter meets all three: annotated people, who are nearly exact;
people as the bundled OpenPose network finds them; and people of detectors that are not known here.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pose_lib.lifting.training.config import NoiseConfig
from pose_lib.lifting.training.openpose_noise import Report, by_openpose
from pose_lib.skeleton import BODY_15

_UNSURE = 0.04  # of the box; an error of this size costs most of a joint's confidence
_LEAST_CONFIDENCE = 0.05
_JITTER_SPREAD = 0.5  # log-normal: one joint's jitter compared to its person's
_OUTLIER = 0.12  # of the box

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

_NO_LIMB_JOINT = torch.tensor(
    [
        0.0 if joint.endswith(("elbow", "wrist", "knee", "ankle")) else 1.0
        for joint in BODY_15.joints
    ]
)

_MIDDLES = tuple(
    (BODY_15.index(middle), BODY_15.indices((f"left_{ends}", f"right_{ends}")).tolist())
    for middle, ends in (("neck", "shoulder"), ("pelvis", "hip"))
)


def report_people(
    exact: Float[Tensor, "pose 15 2"],
    box: Float[Tensor, "pose"],
    config: NoiseConfig,
    rng: torch.Generator,
) -> Report:
    """Report people as annotators, OpenPose or other detectors would, mixed as the config says.

    Args:
        box: Longer side of what surrounds each person, in the joints' unit.

    Returns:
        Joints, finite even where missing, and confidences, 0 where missing. A neck or pelvis that
        is made from shoulders or hips is missing with them and as sure as the less sure one.
    """
    n = len(exact)
    reports = (
        by_annotators(exact, box, config, rng),
        by_openpose(exact, box, config, rng),
        by_others(exact, box, config, rng),
    )
    limits = torch.tensor(
        [config.annotated_probability, config.annotated_probability + config.openpose_probability]
    )
    manner = torch.bucketize(torch.rand(n, generator=rng), limits, right=True)
    joints, confidence = (
        torch.stack(of_manners)[manner, torch.arange(n)]
        for of_manners in zip(*reports, strict=True)
    )
    lacking = _lacking_anywhere(n, rng) & _chance(n, config.incomplete_probability, rng)
    confidence = torch.where(lacking, 0, confidence)
    return _with_made_middles(joints, confidence, _made_middles(manner == 1, rng))


def by_annotators(
    exact: Float[Tensor, "pose 15 2"],
    box: Float[Tensor, "pose"],
    config: NoiseConfig,
    rng: torch.Generator,
) -> Report:
    """Report people nearly where they are, every joint sure."""
    level = config.annotation_noise * torch.rand(len(exact), 1, 1, generator=rng)
    error = level * torch.randn(exact.shape, generator=rng)
    return exact + error * box[:, None, None], torch.ones(exact.shape[:2])


def by_others(
    exact: Float[Tensor, "pose 15 2"],
    box: Float[Tensor, "pose"],
    config: NoiseConfig,
    rng: torch.Generator,
) -> Report:
    """Report people with any amount of jitter and some outliers, as detectors unknown here may.

    Confidences are all 1, or any, or fall with the error.
    """
    n, n_joints, _ = exact.shape
    span = config.max_jitter - config.min_jitter
    of_person = config.min_jitter + span * torch.rand(n, 1, generator=rng)
    level = of_person * (_JITTER_SPREAD * torch.randn(n, n_joints, generator=rng)).exp()
    outlier = torch.rand(n, n_joints, generator=rng) < config.outlier_probability
    level = torch.where(outlier, _OUTLIER, level)
    error = level[..., None] * torch.randn(exact.shape, generator=rng)

    anything = 0.3 + 0.7 * torch.rand(n, n_joints, generator=rng)
    falling = (-error.norm(dim=-1) / _UNSURE).exp() * (
        0.7 + 0.3 * torch.rand(n, n_joints, generator=rng)
    )
    manner = torch.randint(4, (n, 1), generator=rng)
    unsure = torch.where(manner == 1, anything, falling)
    confidence = torch.where(manner == 0, torch.ones_like(unsure), unsure)
    return exact + error * box[:, None, None], confidence.clamp(_LEAST_CONFIDENCE, 1)


def _made_middles(
    found_by_openpose: Bool[Tensor, "n"], rng: torch.Generator
) -> Bool[Tensor, "n 2"]:
    """Draw whose neck and pelvis are made from their sides; OpenPose finds necks but no pelvis."""
    half = _chance(len(found_by_openpose), 0.5, rng).expand(-1, 2)
    return torch.where(found_by_openpose[:, None], torch.tensor([False, True]), half)


def _with_made_middles(
    joints: Float[Tensor, "n 15 2"], confidence: Float[Tensor, "n 15"], made: Bool[Tensor, "n 2"]
) -> Report:
    joints, confidence = joints.clone(), confidence.clone()
    for column, (middle, ends) in enumerate(_MIDDLES):
        is_made = made[:, column]
        of_ends = joints[:, ends].mean(dim=1)
        joints[:, middle] = torch.where(is_made[:, None], of_ends, joints[:, middle])
        sure = confidence[:, ends].amin(dim=1)
        confidence[:, middle] = torch.where(is_made, sure, confidence[:, middle])
    return joints, confidence


def _lacking_anywhere(n: int, rng: torch.Generator) -> Bool[Tensor, "n 15"]:
    """Draw missing joints of any detector: by chance, ends of limbs, all below the picture."""
    missing = torch.rand(n, 15, generator=rng) < 0.05
    missing |= _a_few(n, rng) & _chance(n, 0.6, rng)
    missing |= _one_of(_LIMB_ENDS, n, rng) & _chance(n, 0.2, rng)
    missing |= _one_of(_CROPS, n, rng) & _chance(n, 0.1, rng)
    return missing


def _a_few(n: int, rng: torch.Generator) -> Bool[Tensor, "n 15"]:
    """Draw one to three joints of each person: of most people elbows, wrists, knees or ankles."""
    count = torch.randint(1, 4, (n, 1), generator=rng)
    order = torch.rand(n, 15, generator=rng)
    order = order + torch.where(_chance(n, 0.6, rng), _NO_LIMB_JOINT, 0.0)
    return order.argsort(dim=1).argsort(dim=1) < count


def _one_of(
    sets: tuple[tuple[str, ...], ...], n: int, rng: torch.Generator
) -> Bool[Tensor, "n 15"]:
    members = torch.tensor([[joint in names for joint in BODY_15.joints] for names in sets])
    return members[torch.randint(len(sets), (n,), generator=rng)]


def _chance(n: int, share: float, rng: torch.Generator) -> Bool[Tensor, "n 1"]:
    return torch.rand(n, 1, generator=rng) < share
