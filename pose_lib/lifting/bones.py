"""The body of ``BODY_15`` as twelve bones, and what 2D alone shows of their lengths.

Under scaled orthography, a bone of known length that looks short must reach into depth: only the
sign of that reach, and a little more, is left for a network to learn. So poses are handled as
*canonical bones*: bone vectors divided by the length that the bone would show if it lay in the
image plane. This needs the bones' relative lengths, which can be measured on many 2D
poses: in some of them every bone lies in the image plane.

Source: Taylor 2000, "Reconstruction of articulated objects from point correspondences in a
single uncalibrated image", for depth from foreshortening.
"""

import warnings

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from pose_lib.errors import InputError
from pose_lib.skeleton import BODY_15, mirrored_name

BONES = (
    ("hip_axis", "left_hip", "right_hip"),
    ("spine", "pelvis", "neck"),
    ("head", "neck", "nose"),
    ("shoulder_axis", "left_shoulder", "right_shoulder"),
    ("right_thigh", "right_hip", "right_knee"),
    ("right_shin", "right_knee", "right_ankle"),
    ("left_thigh", "left_hip", "left_knee"),
    ("left_shin", "left_knee", "left_ankle"),
    ("right_upper_arm", "right_shoulder", "right_elbow"),
    ("right_forearm", "right_elbow", "right_wrist"),
    ("left_upper_arm", "left_shoulder", "left_elbow"),
    ("left_forearm", "left_elbow", "left_wrist"),
)
"""Name, first and second joint of each bone; both axes run from left to right."""

BONE_NAMES = tuple(name for name, _, _ in BONES)
KINDS = ("hip_axis", "spine", "head", "shoulder_axis", "thigh", "shin", "upper_arm", "forearm")
"""Bones that share one length: left and right are the same."""

AXES = ("hip_axis", "shoulder_axis")
LEGS = ("hip_axis", "spine", "right_thigh", "right_shin", "left_thigh", "left_shin")
LIMBS = BONE_NAMES[4:]
UPPER_BODY = ("spine", "head", "shoulder_axis", *BONE_NAMES[8:])
SCALE_BONES = ("spine", *LIMBS)
"""Bones that give a person's scale: long ones, whose ends annotators and detectors agree on."""

SPINE_LENGTH = 0.6
"""Length of the spine in trunk lengths; the trunk is pelvis to head top, about 0.8 m.

This fixes the unit of all 3D here.
"""

AVERAGE_LENGTHS = torch.tensor(
    [0.25, 0.6, 0.25, 0.42, 0.51, 0.51, 0.51, 0.51, 0.39, 0.305, 0.39, 0.305]
)
"""Bones of an average adult in trunk lengths, in the order of ``BONES``.

Source: Drillis and Contini 1966, as in Winter's "Biomechanics and Motor Control of Human
Movement": of the stature, thigh 0.245, shank 0.246, upper arm 0.186, forearm 0.146, hip to
shoulder 0.288. The two axes run between joint centers and so are shorter than the body's breadth.
"""

_LONGEST_BONE = 1.05  # in canonical length: real people differ from the table by about this much
LENGTH_PERCENTILE = 93.0
"""Percentile of the lengths seen that is taken for a bone's; the longest ones are mistakes."""

CONDITIONING_PERCENTILE = 85.0
"""The percentile for bone-length ratios that a lifter is conditioned on.

Detectors' errors make the longest sightings longer still, of short bones above all; among lower
ones they count less. Where 2D is exact the two percentiles give nearly the same ratios.
"""
MIN_SIGHTINGS = 50
"""People who must show a bone before its length is measured."""


def bone_indices(*names: str) -> Int[Tensor, "bone"]:
    """Return where the named bones stand in ``BONES``."""
    return torch.tensor([BONE_NAMES.index(name) for name in names])


def _kind(bone: str) -> str:
    return bone.removeprefix("left_").removeprefix("right_")


BONE_STARTS = torch.from_numpy(BODY_15.indices(tuple(start for _, start, _ in BONES)))
BONE_ENDS = torch.from_numpy(BODY_15.indices(tuple(end for _, _, end in BONES)))
BONE_KIND = torch.tensor([KINDS.index(_kind(name)) for name in BONE_NAMES])
MIRRORED_BONES = bone_indices(*(mirrored_name(name) for name in BONE_NAMES))
_SCALE_BONES = bone_indices(*SCALE_BONES)
_AXIS_SIGN = torch.tensor([-1.0 if name in AXES else 1.0 for name in BONE_NAMES])


def bone_vectors(joints: Float[Tensor, "pose 15 dim"]) -> Float[Tensor, "pose 12 dim"]:
    """Return the vector along each bone; NaN where an end is missing."""
    return joints[:, BONE_ENDS] - joints[:, BONE_STARTS]


def joints_of(bones: Float[Tensor, "pose 12 dim"]) -> Float[Tensor, "pose 15 dim"]:
    """Return the joints that these bone vectors lead to, pelvis at the origin.

    Sums alone: a product of matrices would be rounded where a training lets products be.
    """
    along = dict(zip(BONE_NAMES, bones.unbind(1), strict=True))
    at = {"pelvis": torch.zeros_like(along["spine"]), "neck": along["spine"]}
    for name, start, end in BONES:
        if name in AXES:
            middle = at["pelvis" if name == "hip_axis" else "neck"]
            at[start], at[end] = middle - along[name] / 2, middle + along[name] / 2
        elif end not in at:
            at[end] = at[start] + along[name]
    return torch.stack([at[joint] for joint in BODY_15.joints], dim=1)


def mirrored_bones(bones: Float[Tensor, "pose 12 dim"]) -> Float[Tensor, "pose 12 dim"]:
    """Return the bones of the mirror image: x negated, left and right swapped."""
    swapped = bones[:, MIRRORED_BONES] * _AXIS_SIGN[:, None]  # an axis now runs right to left
    return torch.cat([-swapped[..., :1], swapped[..., 1:]], dim=-1)


def depth_bound(bones: Float[Tensor, "pose 12 2"]) -> Float[Tensor, "pose 12"]:
    """Return how far each canonical bone can reach into depth, given how long it looks."""
    return (_LONGEST_BONE**2 - bones.square().sum(-1)).clamp_min(1e-4).sqrt()


def estimate_scale(
    lengths: Float[Tensor, "pose 12"], table: Float[Tensor, "#pose 12"], *, longest: int
) -> Float[Tensor, "pose"]:
    """Return the image length of one trunk length, from the bones least foreshortened.

    Args:
        lengths: Bone lengths in the image; NaN where not seen.
        table: True bone lengths in trunk lengths.
        longest: How many of the relatively longest bones are averaged.

    Returns:
        Unit of ``lengths`` per trunk length; zero where no bone is seen.
    """
    stretch = torch.nan_to_num((lengths / table)[:, _SCALE_BONES], nan=0.0)
    top = stretch.topk(longest, dim=1).values
    return top.sum(1) / (top > 0).sum(1).clamp_min(1)


def measure_bone_lengths(
    joints: Float[Tensor, "pose 15 2"], *, percentile: float = LENGTH_PERCENTILE
) -> Float[Tensor, "12"]:
    """Measure the relative bone lengths of people on 2D poses alone.

    All must follow one joint convention, that is, come from one data set or detector.

    Args:
        joints: Image positions in any unit; NaN where missing.
        percentile: Of the lengths seen; ``CONDITIONING_PERCENTILE`` to condition a lifter.

    Returns:
        Length of each bone in trunk lengths, left and right the same.

    Raises:
        InputError: If some bone was seen too rarely.
    """
    _require_sightings(sightings(joints), len(joints))
    return measurable_bone_lengths(joints, percentile=percentile)


def measurable_bone_lengths(
    joints: Float[Tensor, "pose 15 2"],
    *,
    min_sightings: int = MIN_SIGHTINGS,
    percentile: float = LENGTH_PERCENTILE,
) -> Float[Tensor, "12"]:
    """Measure the bones that enough people show; NaN for others, and for all without a spine."""
    lengths = bone_vectors(joints).norm(dim=-1)
    lengths[:, sightings(joints) < min_sightings] = torch.nan
    pelvis = joints[:, BODY_15.index("pelvis"), None]
    size = (joints - pelvis).norm(dim=-1).nanmean(dim=1)
    for _ in range(3):  # size from bones, bones from size: settles in two or three rounds
        table = _longest_seen(lengths, size, percentile)
        size = estimate_scale(lengths, table[None], longest=3)
    return _longest_seen(lengths, size, percentile)


def sightings(joints: Float[Tensor, "pose 15 2"]) -> Int[Tensor, "12"]:
    """Return how many people show each bone."""
    return bone_vectors(joints).isfinite().all(-1).sum(0)


def _longest_seen(
    lengths: Float[Tensor, "pose 12"], size: Float[Tensor, "pose"], percentile: float
) -> Float[Tensor, "12"]:
    usable = size > 0  # false for NaN, too
    relative = (lengths[usable] / size[usable, None]).numpy()
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # a bone not seen: NaN
        longest = torch.from_numpy(np.nanpercentile(relative, percentile, axis=0)).float()
    table = (longest + longest[MIRRORED_BONES]) / 2
    return table * (SPINE_LENGTH / table[BONE_NAMES.index("spine")])


def _require_sightings(seen: Int[Tensor, "12"], n_people: int) -> None:
    rarest = int(seen.argmin())
    if seen[rarest] < MIN_SIGHTINGS:
        raise InputError(
            f"too few people to measure bone lengths: {MIN_SIGHTINGS} must show every bone, "
            f"but the {BONE_NAMES[rarest].replace('_', ' ')} is seen in {int(seen[rarest])} of "
            f"{n_people}; give more people"
        )
