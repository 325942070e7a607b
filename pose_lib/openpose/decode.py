"""From heatmaps and part affinity fields to people.

Peaks of the heatmaps are joint candidates. The PAF along the line between two candidates says how
likely they are ends of one person's limb. The likeliest limbs are accepted first, and people are
what hangs together in the end.

Coordinates here are cells of the maps: cell centers are whole numbers, x right, y down.

Source:
    Cao et al. 2017, arXiv:1611.08050, sections 2.2 to 2.4, for candidates, line integrals and
    greedy matching; Cao et al. 2019, arXiv:1812.08008, section 3.3, for accepting the limbs of all
    kinds in one order, so that a weak limb never contradicts a stronger one.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int

from pose_lib.keypoints import People

_PAIRS_AT_ONCE = 1 << 16  # bounds the memory that a crowd takes to some 50 MB

_COST_OF_LENGTH = 0.25
"""What a limb as long as the maps are high loses of its score.

In a row of people all shoulders' fields say the same, so that they agree with a line from one
person to the next but one. Of the bones found in 26 frames of a crowd 7 were more than six times
as long as that person's median; with this cost it is 1. The people of the annotated pictures are
found as well as before (mean OKS 0.805 both); twice the cost loses 0.004.
"""


@dataclass(frozen=True)
class DecodeConfig:
    """Thresholds of the decoding.

    Attributes:
        joint_threshold: Least heatmap value of a joint candidate.
        paf_samples: Points along a candidate limb at which the PAF is read.
        paf_threshold: Least PAF component along the limb for such a point to agree.
        min_agreement: Least share of a limb's points that agree.
        min_joints: Least number of joints of a person.
        min_score: Least score of a person, see ``decode_people``; ghosts score below it.

    Source:
        Defaults of CMU's OpenPose for its COCO model (both 0.05) and of the MATLAB code of Cao
        et al. 2017 (10 points, 0.8 of them). Of 94 annotated people a joint threshold of 0.10 costs
        OKS 0.009 against it, 0.15 0.022 and 0.02 0.019; ``docs/openpose-settings.md`` has all. Of
        74 rendered people 69 are found at OKS 0.5; 3 joints as enough for a person bring none
        more, but 2 that are none.
    """

    joint_threshold: float = 0.05
    paf_samples: int = 10
    paf_threshold: float = 0.05
    min_agreement: float = 0.8
    min_joints: int = 4
    min_score: float = 0.05

    def __post_init__(self) -> None:
        if self.paf_samples < 2:
            raise ValueError(f"paf_samples must be at least 2, got {self.paf_samples}")
        if self.min_joints < 2:
            raise ValueError(f"min_joints must be at least 2, got {self.min_joints}")
        if not 0 < self.min_agreement <= 1:
            raise ValueError(
                f"min_agreement must be above 0 and at most 1, got {self.min_agreement}"
            )
        for name in ("joint_threshold", "paf_threshold", "min_score"):
            least = 0 if name == "min_score" else 1e-6
            if not least <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be between 0 and 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class Peaks:
    """Joint candidates of all kinds, those of one joint together.

    Attributes:
        joint: Index of the heatmap, ascending.
        xy: In cells.
        confidence: Height of the peak, 0 to 1.
    """

    joint: Int[np.ndarray, "peak"]
    xy: Float[np.ndarray, "peak 2"]
    confidence: Float[np.ndarray, "peak"]

    def __len__(self) -> int:
        return len(self.joint)


@dataclass(frozen=True)
class LimbCandidates:
    """Pairs of peaks that may be the ends of one limb.

    Attributes:
        limb: Index of the PAF.
        ends: Peaks at its two ends.
        score: Mean of the PAF along the line between them, at most about 1, less for long ones.
    """

    limb: Int[np.ndarray, "pair"]
    ends: Int[np.ndarray, "pair 2"]
    score: Float[np.ndarray, "pair"]


def decode_people(
    heatmaps: Float[np.ndarray, "joint_and_background h w"],
    pafs: Float[np.ndarray, "x_and_y h w"],
    limbs: Int[np.ndarray, "limb 2"],
    config: DecodeConfig,
) -> People:
    """Return the people in the maps, highest score first, joints in cells.

    A person's score is the mean confidence of all joints, a missing one counting as 0.

    Args:
        heatmaps: One for each joint, then the background's, which is not used.
        pafs: x and y for each limb in turn.
        limbs: The joints that each limb joins.
    """
    joints = heatmaps[:-1]
    peaks = find_peaks(joints, config.joint_threshold)
    people = group_peaks(peaks, score_limbs(peaks, pafs, limbs, config), n_joints=len(joints))

    n_found = (people.keypoints[..., 2] > 0).sum(axis=1)
    kept = np.flatnonzero((n_found >= config.min_joints) & (people.score >= config.min_score))
    surest_first = kept[np.argsort(-people.score[kept], kind="stable")]
    return People(people.keypoints[surest_first], people.score[surest_first])


def find_peaks(heatmaps: Float[np.ndarray, "joint h w"], threshold: float) -> Peaks:
    """Return the local maxima above the threshold, placed between the cells.

    Of equal neighbors only the first counts.
    """
    maps = np.ascontiguousarray(heatmaps.transpose(1, 2, 0))  # joints as channels, for OpenCV
    before = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0]], dtype=np.uint8)
    is_peak = (maps > threshold) & (maps > _dilate(maps, before))
    is_peak &= maps >= _dilate(maps, before[::-1, ::-1].copy())

    joint, y, x = np.nonzero(is_peak.transpose(2, 0, 1))
    offset, confidence = _refine(heatmaps, joint, y, x)
    xy = np.stack([x, y], axis=1) + offset
    return Peaks(joint, xy.astype(np.float32), confidence)


def _dilate(
    maps: Float[np.ndarray, "h w joint"], neighbors: np.ndarray
) -> Float[np.ndarray, "h w joint"]:
    dilated = cv2.dilate(maps, neighbors)  # outside counts as lowest
    return np.asarray(dilated).reshape(maps.shape)


def _refine(
    heatmaps: Float[np.ndarray, "joint h w"],
    joint: Int[np.ndarray, "peak"],
    y: Int[np.ndarray, "peak"],
    x: Int[np.ndarray, "peak"],
) -> tuple[Float[np.ndarray, "peak 2"], Float[np.ndarray, "peak"]]:
    """Return x, y offsets of the true maxima from the peak cells, and their heights.

    The network was trained toward Gaussians, and the logarithm of a Gaussian is a parabola, which
    three cells determine.
    """
    _, h, w = heatmaps.shape
    lowest = 1e-3  # keeps the logarithm finite where the map is zero or below
    center = np.log(heatmaps[joint, y, x])
    offset = np.zeros((len(joint), 2), dtype=np.float32)
    height = center.copy()
    for axis, (dy, dx) in enumerate(((0, 1), (1, 0))):
        # At the border the missing neighbor is taken to equal the cell itself.
        before = heatmaps[joint, np.maximum(y - dy, 0), np.maximum(x - dx, 0)]
        after = heatmaps[joint, np.minimum(y + dy, h - 1), np.minimum(x + dx, w - 1)]
        fall_before = center - np.log(np.maximum(before, lowest))
        fall_after = center - np.log(np.maximum(after, lowest))
        curvature = np.maximum(fall_before + fall_after, 1e-6)
        offset[:, axis] = (fall_before - fall_after) / (2 * curvature)
        height += (fall_before - fall_after) ** 2 / (8 * curvature)
    return offset, np.minimum(np.exp(height), 1).astype(np.float32)


def score_limbs(
    peaks: Peaks,
    pafs: Float[np.ndarray, "x_and_y h w"],
    limbs: Int[np.ndarray, "limb 2"],
    config: DecodeConfig,
) -> LimbCandidates:
    """Return the pairs of peaks whose PAF agrees with a limb between them."""
    limb, ends = _all_pairs(peaks, limbs)
    n_blocks = -(-len(limb) // _PAIRS_AT_ONCE) or 1
    blocks = zip(np.array_split(limb, n_blocks), np.array_split(ends, n_blocks), strict=True)
    scores = [_agreeing_scores(peaks.xy[pair], of, pafs, config) for of, pair in blocks]
    score = np.concatenate(scores)
    kept = score > 0
    return LimbCandidates(limb[kept], ends[kept], score[kept])


def _agreeing_scores(
    ends_xy: Float[np.ndarray, "pair 2 2"],
    limb: Int[np.ndarray, "pair"],
    pafs: Float[np.ndarray, "x_and_y h w"],
    config: DecodeConfig,
) -> Float[np.ndarray, "pair"]:
    """Return the score of each pair, 0 or less where the PAF disagrees."""
    start, vector = ends_xy[:, 0], ends_xy[:, 1] - ends_xy[:, 0]
    length = np.maximum(np.linalg.norm(vector, axis=1), 1e-6)
    fraction = np.linspace(0, 1, config.paf_samples, dtype=np.float32)[:, None]
    points = start[:, None] + vector[:, None] * fraction
    along = np.einsum("pkd,pd->pk", sample_pafs(pafs, limb, points), vector / length[:, None])

    agreement = (along > config.paf_threshold).mean(axis=1)
    score = along.mean(axis=1) - _COST_OF_LENGTH * length / pafs.shape[1]
    return np.where(agreement >= config.min_agreement, score, 0)


def _all_pairs(
    peaks: Peaks, limbs: Int[np.ndarray, "limb 2"]
) -> tuple[Int[np.ndarray, "pair"], Int[np.ndarray, "pair 2"]]:
    """Return limb and peaks of every pair of candidates that a limb could join."""
    first = np.searchsorted(peaks.joint, np.arange(limbs.max() + 2))
    of_limb, pairs = [], []
    for limb, (a, b) in enumerate(limbs):
        a_peaks, b_peaks = (np.arange(first[joint], first[joint + 1]) for joint in (a, b))
        pairs.append((a_peaks.repeat(len(b_peaks)), np.tile(b_peaks, len(a_peaks))))
        of_limb.append(np.full(len(a_peaks) * len(b_peaks), limb))
    return np.concatenate(of_limb), np.concatenate(pairs, axis=1).T


def sample_pafs(
    pafs: Float[np.ndarray, "x_and_y h w"],
    limb: Int[np.ndarray, "pair"],
    points: Float[np.ndarray, "pair sample 2"],
) -> Float[np.ndarray, "pair sample 2"]:
    """Return the limb's PAF at points between the cells, by bilinear interpolation."""
    _, h, w = pafs.shape
    vectors = np.ascontiguousarray(pafs.reshape(-1, 2, h * w).transpose(0, 2, 1)).reshape(-1, 2)
    last = np.array([w - 1, h - 1], dtype=np.float32)
    points = np.clip(points, 0, last)
    corner = np.minimum(points.astype(np.int64), np.maximum(last.astype(np.int64) - 1, 0))
    dx, dy = np.moveaxis(points - corner.astype(np.float32), -1, 0)[..., None]

    here = limb[:, None] * (h * w) + corner[..., 1] * w + corner[..., 0]
    right, below = min(1, w - 1), w * min(1, h - 1)  # maps of one column or row have no next
    above_row = vectors[here] * (1 - dx) + vectors[here + right] * dx
    below_row = vectors[here + below] * (1 - dx) + vectors[here + below + right] * dx
    return above_row * (1 - dy) + below_row * dy


def group_peaks(peaks: Peaks, candidates: LimbCandidates, *, n_joints: int) -> People:
    """Join peaks into people, limbs of the highest score first.

    A limb is accepted unless it would give a person a second joint of one kind.
    """
    person = list(range(len(peaks)))  # every peak begins as a person of its own
    members = [[peak] for peak in person]
    joints = [1 << int(joint) for joint in peaks.joint]  # the joints that a person has, as bits
    order = np.argsort(-candidates.score, kind="stable")
    for a, b in candidates.ends[order].tolist():
        kept, merged = person[a], person[b]
        if kept != merged and not joints[kept] & joints[merged]:
            for peak in members[merged]:
                person[peak] = kept
            members[kept] += members[merged]
            joints[kept] |= joints[merged]
            members[merged] = []
    return _people_of([group for group in members if len(group) > 1], peaks, n_joints)


def _people_of(groups: list[list[int]], peaks: Peaks, n_joints: int) -> People:
    keypoints = np.full((len(groups), n_joints, 3), np.nan, dtype=np.float32)
    keypoints[..., 2] = 0
    for person, group in enumerate(groups):
        keypoints[person, peaks.joint[group], :2] = peaks.xy[group]
        keypoints[person, peaks.joint[group], 2] = peaks.confidence[group]
    return People(keypoints, keypoints[..., 2].mean(axis=1))
