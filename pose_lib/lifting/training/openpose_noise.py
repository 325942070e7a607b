"""How the bundled OpenPose network errs in 2D, drawn from what was measured on annotated pictures.

Errors have heavy tails, and joints of a limb share them: a limb may be taken for something else.

Source: every table is measured by ``research/detector_errors.py``, which prints it again; on how
many people stands in docs/lifting-noise.md.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from pose_lib.lifting.training.config import NoiseConfig
from pose_lib.skeleton import BODY_15

Report = tuple[Float[Tensor, "pose 15 2"], Float[Tensor, "pose 15"]]
"""Where joints are said to be, finite even if missing, and confidences: 0 for a missing joint."""

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Shares of a kind's joints, for the errors below."""

ERROR_SIZES = {
    "nose": (0.0020, 0.0049, 0.0079, 0.0135, 0.0264, 0.0336, 0.067),
    "neck": (0.0063, 0.0097, 0.0147, 0.0230, 0.0336, 0.0498, 0.068),
    "shoulder": (0.0063, 0.0112, 0.0218, 0.0341, 0.0523, 0.0706, 0.100),
    "elbow": (0.0077, 0.0123, 0.0210, 0.0374, 0.0898, 0.1193, 0.224),
    "wrist": (0.0057, 0.0100, 0.0181, 0.0349, 0.0888, 0.1602, 0.249),
    "hip": (0.0140, 0.0217, 0.0384, 0.0589, 0.1027, 0.1206, 0.211),
    "knee": (0.0086, 0.0121, 0.0204, 0.0410, 0.0901, 0.1684, 0.350),
    "ankle": (0.0066, 0.0125, 0.0235, 0.0386, 0.0621, 0.1313, 0.297),
}
"""Distance from the true joint, as a share of the box, that a share of a kind's joints stays below.

Without joints that were taken for another one of the same person. The last one of knees was 0.467,
of four joints.
"""

TAKEN_FOR_OTHER_SIDE = {
    "shoulder": 0.05,
    "elbow": 0.06,
    "wrist": 0.07,
    "hip": 0.02,
    "knee": 0.04,
    "ankle": 0.15,
}
"""How often a joint is reported at its partner's place, if that is within ``NEAR_OTHER_SIDE``."""

NEAR_OTHER_SIDE = 0.2
"""Of the box; farther joints are seldom mixed up."""

WRIST_AT_ELBOW = 0.04
"""How often a wrist is reported at its own elbow."""

LACKING = {
    "nose": 0.04,
    "shoulder": 0.005,
    "elbow": 0.033,
    "wrist": 0.053,
    "knee": 0.037,
    "ankle": 0.042,
}
"""How often a joint is missing although the joint before it on its limb was found."""

NOSE_LACKING_FROM_BEHIND = 0.64
"""How often the nose of a person seen from behind is missing."""

FROM_BEHIND = 0.1
"""Of the box: a left shoulder this far to the left of the right one is seen from behind."""

SURENESS = {
    "nose": -1.97,
    "neck": -1.89,
    "shoulder": -2.15,
    "elbow": -2.26,
    "wrist": -2.37,
    "hip": -2.58,
    "knee": -2.31,
    "ankle": -2.68,
}
"""Logit of a joint's confidence plus the logarithm of its error + 0.02 of the box, the median."""

_ERROR_OFFSET = 0.02
_SURENESS_OF_PERSON, _SURENESS_OF_JOINT = 0.36, 0.58  # standard deviations around that
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
    confidence = torch.where(_not_found(exact, box, rng), 0, _openpose_confidence(error, rng))
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


def _not_found(
    exact: Float[Tensor, "n 15 2"], box: Float[Tensor, "n"], rng: torch.Generator
) -> Bool[Tensor, "n 15"]:
    """Draw which joints OpenPose does not find; it follows limbs outward and never past a gap."""
    right, left = (exact[:, BODY_15.index(f"{side}_shoulder"), 0] for side in ("right", "left"))
    chance = _LACKING.repeat(len(exact), 1)
    chance[right - left > FROM_BEHIND * box, BODY_15.index("nose")] = NOSE_LACKING_FROM_BEHIND
    missing = torch.rand(chance.shape, generator=rng) < chance
    for before, after in _OUTWARD:
        missing[:, after] |= missing[:, before]
    return missing


def _swapped_order(n: int, config: NoiseConfig, rng: torch.Generator) -> Int[Tensor, "n 15"]:
    """Draw whose sides are swapped: of the whole body, of both arms or of both legs."""
    body, arms, legs = (
        torch.rand(n, 1, generator=rng) < share
        for share in (
            config.body_swap_probability,
            config.limb_swap_probability,
            config.limb_swap_probability,
        )
    )
    swapped = body | (arms & _ON_ARMS) | (legs & _ON_LEGS)
    return torch.where(swapped, _PARTNERS, _ALL)
