"""How the bundled OpenPose network errs in 2D, drawn from what was measured on annotated pictures.

Errors have heavy tails, and joints of a limb share them: a limb may be taken for something else.

Source: every table is measured by ``benchmarks/detector_errors.py``, which prints it again; on how
many people stands in docs/lifting.md.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from pose_lib.lifting.config import NoiseConfig
from pose_lib.skeleton import BODY_15

Report = tuple[Float[Tensor, "pose 15 2"], Float[Tensor, "pose 15"]]
"""Where joints are said to be, finite even if missing, and confidences: 0 for a missing joint."""

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Shares of a kind's joints, for the errors below."""

ERROR_SIZES = {
    "nose": (0.0020, 0.0042, 0.0072, 0.0129, 0.0266, 0.0422, 0.127),
    "neck": (0.0059, 0.0097, 0.0146, 0.0210, 0.0308, 0.0359, 0.066),
    "shoulder": (0.0059, 0.0096, 0.0173, 0.0311, 0.0485, 0.0611, 0.12),
    "elbow": (0.0070, 0.0112, 0.0189, 0.0334, 0.0776, 0.1028, 0.26),
    "wrist": (0.0056, 0.0092, 0.0153, 0.0291, 0.0593, 0.1201, 0.27),
    "hip": (0.0120, 0.0185, 0.0314, 0.0503, 0.0936, 0.1255, 0.22),
    "knee": (0.0071, 0.0107, 0.0174, 0.0286, 0.0579, 0.1250, 0.35),
    "ankle": (0.0051, 0.0089, 0.0182, 0.0309, 0.0562, 0.1093, 0.35),
}
"""Distance from the true joint, as a share of the box, that a share of a kind's joints stays below.

Without joints that were taken for another one of the same person.
"""

TAKEN_FOR_OTHER_SIDE = {
    "shoulder": 0.05,
    "elbow": 0.06,
    "wrist": 0.06,
    "hip": 0.02,
    "knee": 0.05,
    "ankle": 0.14,
}
"""How often a joint is reported at its partner's place, if that is within ``NEAR_OTHER_SIDE``."""

NEAR_OTHER_SIDE = 0.2
"""Of the box; farther joints are seldom mixed up."""

WRIST_AT_ELBOW = 0.03
"""How often a wrist is reported at its own elbow."""

LACKING = {
    "nose": 0.11,
    "shoulder": 0.008,
    "elbow": 0.03,
    "wrist": 0.06,
    "knee": 0.03,
    "ankle": 0.045,
}
"""How often a joint is missing although the joint before it on its limb was found."""

SURENESS = {
    "nose": -2.21,
    "neck": -2.04,
    "shoulder": -2.24,
    "elbow": -2.44,
    "wrist": -2.53,
    "hip": -2.68,
    "knee": -2.45,
    "ankle": -2.90,
}
"""Logit of a joint's confidence minus the logarithm of its error + 0.02 of the box, the average."""

_ERROR_OFFSET = 0.02
_SURENESS_OF_PERSON, _SURENESS_OF_JOINT = 0.38, 0.68  # standard deviations around the average
_PERSON, _LIMB = 0.12, 0.33  # shares that they have in the variance of error sizes
_DIRECTION_OF_LIMB = (0.5, 1.5)  # weights beside a joint's own: of small errors, of large ones
_LARGE = 0.06  # of the box
_FAR_MIXED_UP = 0.15  # compared to near ones
_LEAST_CONFIDENCE = 0.05  # OpenPose's decoding reports none below

_LIMBS = (
    *(
        tuple(f"{side}_{kind}" for kind in ("shoulder", "elbow", "wrist"))
        for side in ("right", "left")
    ),
    *(tuple(f"{side}_{kind}" for kind in ("knee", "ankle")) for side in ("right", "left")),
    ("right_hip", "left_hip", "pelvis"),
    ("nose",),
    ("neck",),
)
"""Joints that err together: a limb that is mistaken for something else is so as a whole."""

_PARTNERS = torch.from_numpy(BODY_15.mirror)
_ALL = torch.arange(len(BODY_15))


def _by_joint(of_kind: Mapping[str, float]) -> Float[Tensor, "15"]:
    """Spread a table over the joints, 0 for kinds that it lacks; a pelvis is made from hips."""
    return torch.tensor([of_kind.get(joint.split("_")[-1], 0.0) for joint in BODY_15.joints])


def _joints_of_kinds(*kinds: str) -> Bool[Tensor, "15"]:
    return torch.tensor([joint.split("_")[-1] in kinds for joint in BODY_15.joints])


_LIMB_OF_JOINT = torch.tensor(
    [[joint in limb for limb in _LIMBS].index(True) for joint in BODY_15.joints]
)
_SIZE_TABLE = torch.tensor(
    [ERROR_SIZES["hip" if joint == "pelvis" else joint.split("_")[-1]] for joint in BODY_15.joints]
).log()
_SCORES = torch.special.ndtri(torch.tensor(LEVELS))
_SURENESS, _LACKING, _OTHER_SIDE = map(_by_joint, (SURENESS, LACKING, TAKEN_FOR_OTHER_SIDE))
_ELBOW_OF_WRIST = torch.tensor(
    [BODY_15.index(joint.replace("wrist", "elbow")) for joint in BODY_15.joints]
)
_ON_ARMS = _joints_of_kinds("shoulder", "elbow", "wrist")
_ON_LEGS = _joints_of_kinds("hip", "knee", "ankle")
_OUTWARD = tuple(
    (BODY_15.index(f"{side}_{before}"), BODY_15.index(f"{side}_{after}"))
    for before, after in (
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
        ("hip", "knee"),
        ("knee", "ankle"),
    )
    for side in ("right", "left")
)


def by_openpose(
    exact: Float[Tensor, "pose 15 2"],
    box: Float[Tensor, "pose"],
    config: NoiseConfig,
    rng: torch.Generator,
) -> Report:
    """Report people as the bundled OpenPose network does, which the tables here describe."""
    joints = exact + box[:, None, None] * _openpose_error(len(exact), rng)
    joints = _taken_for_others(joints, exact, box, rng)
    error = (joints - exact).norm(dim=-1) / box[:, None]
    confidence = torch.where(_not_found(len(exact), rng), 0, _openpose_confidence(error, rng))
    order = _swapped_order(len(exact), config, rng)
    return joints.gather(1, order[..., None].expand(-1, -1, 2)), confidence.gather(1, order)


def _openpose_error(n: int, rng: torch.Generator) -> Float[Tensor, "n 15 2"]:
    """Draw displacements in boxes; joints of a limb share some of their size and direction."""
    own, limb = torch.randn(n, 15, 3, generator=rng), torch.randn(n, len(_LIMBS), 3, generator=rng)
    limb = limb[:, _LIMB_OF_JOINT]
    person = torch.randn(n, 1, generator=rng)
    alone = (1 - _PERSON - _LIMB) ** 0.5
    size = _sizes_at(_PERSON**0.5 * person + _LIMB**0.5 * limb[..., 0] + alone * own[..., 0])
    low, high = _DIRECTION_OF_LIMB
    weight = (low + (high - low) * size / _LARGE).clamp_max(high)
    return size[..., None] * functional.normalize(
        own[..., 1:] + weight[..., None] * limb[..., 1:], dim=-1
    )


def _sizes_at(score: Float[Tensor, "n 15"]) -> Float[Tensor, "n 15"]:
    """Return error sizes at normal scores: between the levels log-linear, none beyond the last."""
    score = score.clamp_max(_SCORES[-1].item())
    step = torch.bucketize(score, _SCORES[1:-1])
    share = (score - _SCORES[step]) / (_SCORES[step + 1] - _SCORES[step])
    return torch.lerp(_SIZE_TABLE[_ALL, step], _SIZE_TABLE[_ALL, step + 1], share).exp()


def _taken_for_others(
    joints: Float[Tensor, "n 15 2"],
    exact: Float[Tensor, "n 15 2"],
    box: Float[Tensor, "n"],
    rng: torch.Generator,
) -> Float[Tensor, "n 15 2"]:
    """Put some joints to their partners on the other side, and some wrists to their elbows."""
    error = joints - exact
    apart = (exact[:, _PARTNERS] - exact).norm(dim=-1) / box[:, None]
    chance = torch.where(apart < NEAR_OTHER_SIDE, 1.0, _FAR_MIXED_UP) * _OTHER_SIDE
    there = torch.rand(apart.shape, generator=rng) < chance
    joints = torch.where(there[..., None], exact[:, _PARTNERS] + error, joints)
    at_elbow = torch.rand(apart.shape, generator=rng) < WRIST_AT_ELBOW
    at_elbow &= _joints_of_kinds("wrist")
    return torch.where(at_elbow[..., None], exact[:, _ELBOW_OF_WRIST] + error, joints)


def _openpose_confidence(
    error: Float[Tensor, "n 15"], rng: torch.Generator
) -> Float[Tensor, "n 15"]:
    """Draw confidences that fall with the error as OpenPose's do."""
    about = _SURENESS_OF_PERSON * torch.randn(len(error), 1, generator=rng)
    about = about + _SURENESS_OF_JOINT * torch.randn(error.shape, generator=rng)
    logit = _SURENESS - (error + _ERROR_OFFSET).log() + about
    return logit.sigmoid().clamp_min(_LEAST_CONFIDENCE)


def _not_found(n: int, rng: torch.Generator) -> Bool[Tensor, "n 15"]:
    """Draw which joints OpenPose does not find; it follows limbs outward and never past a gap."""
    missing = torch.rand(n, 15, generator=rng) < _LACKING
    for before, after in _OUTWARD:
        missing[:, after] |= missing[:, before]
    return missing


def _swapped_order(n: int, config: NoiseConfig, rng: torch.Generator) -> Int[Tensor, "n 15"]:
    """Draw whose sides are swapped: of the whole body, of both arms or of both legs."""
    body, arms, legs = (
        torch.rand(n, 1, generator=rng) < share
        for share in (config.body_swap_share, config.limb_swap_share, config.limb_swap_share)
    )
    swapped = body | (arms & _ON_ARMS) | (legs & _ON_LEGS)
    return torch.where(swapped, _PARTNERS, _ALL)
