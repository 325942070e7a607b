"""How the bundled OpenPose network errs in 2D: the tables of `training.openpose_noise`.

    python -m research.detector_errors DATA

DATA is the development data: `mpii/images` and `mpii/crops256` with `ground_truth.json`,
`images/mmpose/coco` with `test_coco.json`, and `renders` with `truth.npz`, of which only 2D is
read. Photographed and rendered people count half each, however many they are. Distances are in
percent of the longer side of a person's box; brackets hold 95 % intervals over people.
"""

import argparse
import functools
import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from pose_lib.lifting.training.config import NoiseConfig
from pose_lib.lifting.training.openpose_noise import (
    ERROR_SIZES,
    FROM_BEHIND,
    LEVELS,
    NEAR_OTHER_SIDE,
    by_openpose,
)
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.load import load_openpose
from pose_lib.skeleton import BODY_15
from research.found_people import Pairs, find_all

KINDS = tuple(ERROR_SIZES)
KIND = np.array([joint.split("_")[-1] for joint in BODY_15.joints])
PAIRED = KINDS[2:]
BEFORE = {"elbow": "shoulder", "wrist": "elbow", "knee": "hip", "ankle": "knee"}
FAR = 0.06  # of the box
AT_JOINT = 0.045  # of the box; nearer, a joint that is far off counts as taken for that one
CONFIDENCE_BINS = (0, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 2)
ARMS, LEGS = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")

Sample = Callable[[np.ndarray], float]
"""A figure of some rows of the pairs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", type=Path)
    pairs = find_all(load_openpose(OpenPoseConfig(), threads=1), parser.parse_args().data)
    people = [len(set(pairs.person[of])) for of in (~pairs.rendered, pairs.rendered)]
    print(f"{people[0]} photographed and {people[1]} rendered people, {len(pairs.box)} looks")
    print_sizes(pairs)
    print_offsets(pairs)
    print_taken_for_others(pairs)
    print_swaps(pairs)
    print_missing(pairs)
    print_together(pairs)
    print_confidence(pairs)
    print_drawn(pairs)


def print_sizes(pairs: Pairs) -> None:
    """Print how far off each kind of joint is, of all and without those taken for others."""
    error, apart = error_sizes(pairs), ~taken_for_others(pairs)
    print("\nerror sizes, % of the box; right: by level, without those taken for another joint")
    print(f"{'':9}   n  median         photo  rendered  far", *(f"{level:6g}" for level in LEVELS))
    for kind in KINDS:
        values, weights = spread_out(error, pairs, kind)
        alone, alone_weights = spread_out(np.where(apart, error, np.nan), pairs, kind)
        of_source = [
            np.nanmedian(error[rows][:, kind == KIND]) for rows in (~pairs.rendered, pairs.rendered)
        ]
        print(
            f"{kind:9} {len(values):3} {interval(pairs, error, kind)}",
            *(f"{100 * median:6.1f}" for median in of_source),
            f"{np.average(values > FAR, weights=weights):8.2f}",
            *(f"{100 * size:6.2f}" for size in quantiles(alone, alone_weights, LEVELS)),
        )


def print_offsets(pairs: Pairs) -> None:
    """Print where joints are found on average, as detector and annotators disagree about them."""
    up, outward = in_trunk_frame(pairs)
    near = error_sizes(pairs) < FAR
    print("\nmedian offset of near joints, % of the box: up the trunk, away from its middle")
    for kind in KINDS:
        for name, rows in (("photographed", ~pairs.rendered), ("rendered", pairs.rendered)):
            of_kind = [
                np.median(along[rows][:, kind == KIND][near[rows][:, kind == KIND]])
                for along in (up, outward)
            ]
            print(f"{kind:9} {name:12}", *(f"{100 * offset:+5.1f}" for offset in of_kind))


def print_taken_for_others(pairs: Pairs) -> None:
    print(f"\nfound at the partner's place, if within {NEAR_OTHER_SIDE} of the box and if farther")
    found = np.isfinite(error_sizes(pairs))
    separation, taken = between_partners(pairs), at_partner(pairs)
    for kind in PAIRED:
        shares = []
        for rows in (separation < NEAR_OTHER_SIDE, separation >= NEAR_OTHER_SIDE):
            here = rows & found & (kind == KIND)
            shares.append(
                f"{taken[here].sum():3} of {here.sum():3}, {share(pairs, taken, here):.3f}"
            )
        print(f"{kind:9}", *shares, sep="   ")
    for kind, other in (("wrist", "elbow"), ("elbow", "wrist")):
        here = found & (kind == KIND)
        taken = at_neighbor(pairs, other)
        chance = share(pairs, taken, here)
        print(f"{kind} at own {other}: {taken[here].sum()} of {here.sum()}, {chance:.3f}")


def print_swaps(pairs: Pairs) -> None:
    print("\nleft and right swapped: looks, share of people")
    for name, kinds in (("body", ARMS + LEGS), ("arms", ARMS), ("legs", LEGS)):
        complete, swapped = swaps(pairs, kinds)
        low, high = bootstrap(pairs, functools.partial(_swapped_share, complete, swapped))
        print(
            f"{name:5} {swapped.sum()} of {complete.sum()} looks,"
            f" {len(set(pairs.person[swapped]))} people [{low:.3f} {high:.3f}]"
        )


def _swapped_share(
    complete: Bool[np.ndarray, "person"],
    swapped: Bool[np.ndarray, "person"],
    rows: Int[np.ndarray, "_"],
) -> float:
    return float(swapped[rows].sum() / complete[rows].sum())


def print_missing(pairs: Pairs) -> None:
    """Print which joints are missing, and which together."""
    missing = pairs.found[..., 2] == 0
    known = np.isfinite(pairs.truth[..., 0])
    print("\nmissing: if the joint before was found, all, of visible joints, of hidden ones")
    for kind in KINDS:
        of_kind = known & (kind == KIND)
        chances = [
            share(pairs, missing, of_kind & where)
            for where in (before_found(pairs), True, ~pairs.hidden, pairs.hidden)
        ]
        print(f"{kind:9}", *(f"{chance:6.3f}" for chance in chances))
    counts = np.bincount(missing[:, [*range(8), *range(9, 15)]].sum(axis=1))
    behind = seen_from_behind(pairs)
    lost = missing[:, BODY_15.index("nose")]
    print(f"noses from behind: {lost[behind].sum()} of {behind.sum()}", end=", ")
    print(f"else {lost[~behind].sum()} of {(~behind).sum()}")
    print("missing joints per look (without pelvis):", *counts)
    sets = Counter(
        " ".join(sorted(joint.split("_")[-1] for joint in np.array(BODY_15.joints)[row]))
        for row in missing
    )
    print("together:", ", ".join(f"{joints or 'none'} {n}" for joints, n in sets.most_common(12)))


def print_together(pairs: Pairs) -> None:
    """Print how much of their size and direction errors share."""
    error = error_sizes(pairs)
    scores = normal_scores(error)
    print("\nnormal scores of error sizes, correlation: same limb, opposite limb; direction")
    for kind, other in (
        *BEFORE.items(),
        ("hip", "hip"),
        ("shoulder", "shoulder"),
        ("ankle", "elbow"),
    ):
        same, opposite = (correlation(scores, kind, other, crossed) for crossed in (False, True))
        cosines = [cosine(pairs, kind, other, low, high) for low, high in ((0, 0.03), (FAR, 9))]
        print(
            f"{kind:9} {other:9} {same:5.2f} {opposite:5.2f}",
            f"  cosine of small {cosines[0]:5.2f}, of large {cosines[1]:5.2f}",
        )


def print_confidence(pairs: Pairs) -> None:
    """Print confidences by error, and the model of them: a logit that falls with the error."""
    error, confidence = error_sizes(pairs), pairs.found[..., 2]
    print("\nconfidence by error, % of the box: joints; 5, 25, 50, 75, 95 % of them stay below")
    for low, high in itertools.pairwise(CONFIDENCE_BINS):
        inside = (error >= low) & (error < high)
        levels = np.quantile(confidence[inside], (0.05, 0.25, 0.5, 0.75, 0.95))
        print(
            f"{100 * low:3.0f}-{100 * high:3.0f} {inside.sum():4}", *(f"{c:5.2f}" for c in levels)
        )
    rest = np.log(confidence / (1 - confidence)) + np.log(error + 0.02)
    medians = {kind: np.nanmedian(rest[:, kind == KIND]) for kind in KINDS}
    rest = rest - np.array([medians.get(kind, np.nan) for kind in KIND])
    print("sureness:", ", ".join(f"{kind} {median:.2f}" for kind, median in medians.items()))
    middle = np.nanquantile(rest, (0.25, 0.75))
    print(
        f"spread around it {(middle[1] - middle[0]) / 1.349:.2f} (robust),"
        f" of people {np.nanstd(np.nanmedian(rest, axis=1)):.2f}"
    )


def print_drawn(pairs: Pairs, *, times: int = 40) -> None:
    """Print errors and confidences as drawn for the same people, beside the measured ones."""
    whole = np.isfinite(pairs.truth).all(axis=(1, 2))
    exact = torch.from_numpy(np.repeat(pairs.truth[whole], times, axis=0)).float()
    box = torch.from_numpy(np.repeat(pairs.box[whole], times)).float()
    joints, sure = by_openpose(exact, box, NoiseConfig(), torch.Generator().manual_seed(0))
    drawn = torch.where(sure > 0, (joints - exact).norm(dim=-1) / box[:, None], torch.nan).numpy()
    levels = (0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
    print("\nerror sizes drawn | measured, % of the box; missing; median confidence")
    print(f"{'':9}", *(f"{level:13g}" for level in levels))
    for kind in KINDS:
        columns = kind == KIND
        of_kind = np.nanquantile(drawn[:, columns], levels)
        measured = quantiles(*spread_out(error_sizes(pairs), pairs, kind), levels)
        found = pairs.found[:, columns, 2][np.isfinite(pairs.truth[:, columns, 0])]
        told = sure[:, columns].numpy()
        print(
            f"{kind:9}",
            *(f"{100 * a:6.1f}|{100 * b:6.1f}" for a, b in zip(of_kind, measured, strict=True)),
            f"  {(told == 0).mean():.3f}|{(found == 0).mean():.3f}",
            f"  {np.median(told[told > 0]):.2f}|{np.median(found[found > 0]):.2f}",
        )


def error_sizes(pairs: Pairs) -> Float[np.ndarray, "person 15"]:
    """Return distances in boxes; NaN where a joint is not annotated or not found."""
    return np.linalg.norm(displacements(pairs), axis=-1)


def displacements(pairs: Pairs) -> Float[np.ndarray, "person 15 2"]:
    return (pairs.found[..., :2] - pairs.truth) / pairs.box[:, None, None]


def weights_of(pairs: Pairs) -> Float[np.ndarray, "person"]:
    """Return weights by which photographed and rendered people count half each."""
    shares = np.where(pairs.rendered, pairs.rendered.mean(), (~pairs.rendered).mean())
    return 0.5 / shares


def spread_out(
    error: Float[np.ndarray, "person 15"], pairs: Pairs, kind: str
) -> tuple[Float[np.ndarray, "_"], Float[np.ndarray, "_"]]:
    """Return the known values of a kind of joint and the weights of their people."""
    values = error[:, kind == KIND]
    weights = np.broadcast_to(weights_of(pairs)[:, None], values.shape)
    known = np.isfinite(values)
    return values[known], weights[known]


def quantiles(
    values: Float[np.ndarray, "_"], weights: Float[np.ndarray, "_"], levels: tuple[float, ...]
) -> Float[np.ndarray, "level"]:
    return np.quantile(values, levels, weights=weights, method="inverted_cdf")


def share(
    pairs: Pairs, what: Bool[np.ndarray, "person 15"], where: Bool[np.ndarray, "person 15"]
) -> float:
    """Return how often something is so, photographs and renders counting half each."""
    if not where.any():
        return float("nan")
    weights = np.broadcast_to(weights_of(pairs)[:, None], where.shape)
    return float(np.average(what[where], weights=weights[where]))


def bootstrap(pairs: Pairs, sample: Sample, *, times: int = 200) -> tuple[float, float]:
    """Return the 95 % interval of a figure, drawing people with replacement."""
    rng = np.random.default_rng(0)
    names, owner = np.unique(pairs.person.astype(str), return_inverse=True)
    rows_of = [np.flatnonzero(owner == number) for number in range(len(names))]
    figures = [
        sample(np.concatenate([rows_of[n] for n in rng.integers(len(names), size=len(names))]))
        for _ in range(times)
    ]
    low, high = np.quantile(figures, (0.025, 0.975))
    return float(low), float(high)


def interval(pairs: Pairs, error: Float[np.ndarray, "person 15"], kind: str) -> str:
    """Return the median error of a kind of joint, and its interval."""
    values, weights = error[:, kind == KIND], weights_of(pairs)

    def median(rows: np.ndarray) -> float:
        known = np.isfinite(values[rows])
        of_rows = np.broadcast_to(weights[rows][:, None], known.shape)
        return float(quantiles(values[rows][known], of_rows[known], (0.5,))[0])

    low, high = bootstrap(pairs, median)
    return f"{100 * median(np.arange(len(values))):5.1f} [{100 * low:3.1f} {100 * high:3.1f}]"


def in_trunk_frame(
    pairs: Pairs,
) -> tuple[Float[np.ndarray, "person 15"], Float[np.ndarray, "person 15"]]:
    """Return displacements up the trunk and, of joints with a side, away from its middle."""
    joint = {name: pairs.truth[:, BODY_15.index(name)] for name in BODY_15.joints}
    up = joint["neck"] - joint["pelvis"]
    up = up / np.linalg.norm(up, axis=-1, keepdims=True)
    across = np.stack([-up[:, 1], up[:, 0]], axis=-1)
    to_left = np.sign(((joint["left_shoulder"] - joint["right_shoulder"]) * across).sum(axis=-1))
    side = np.array([-1 if name.startswith("right") else 1 for name in BODY_15.joints])
    moved = displacements(pairs)
    outward = (moved * across[:, None]).sum(axis=-1) * side * to_left[:, None]
    return (moved * up[:, None]).sum(axis=-1), outward


def between_partners(pairs: Pairs) -> Float[np.ndarray, "person 15"]:
    partner = pairs.truth[:, BODY_15.mirror]
    return np.linalg.norm(partner - pairs.truth, axis=-1) / pairs.box[:, None]


def at_partner(pairs: Pairs) -> Bool[np.ndarray, "person 15"]:
    """Say which joints are far off and found where their partners are."""
    away = pairs.found[..., :2] - pairs.truth[:, BODY_15.mirror]
    near = np.linalg.norm(away, axis=-1) / pairs.box[:, None] < AT_JOINT
    return near & (error_sizes(pairs) > FAR)


def at_neighbor(pairs: Pairs, kind: str) -> Bool[np.ndarray, "person 15"]:
    """Say which joints are far off and found where the given kind is on their own side."""
    near = np.zeros(pairs.hidden.shape, bool)
    for side in ("left", "right"):
        there = pairs.truth[:, [BODY_15.index(f"{side}_{kind}")]]
        away = np.linalg.norm(pairs.found[..., :2] - there, axis=-1) / pairs.box[:, None]
        near |= (away < AT_JOINT) & [joint.startswith(side) for joint in BODY_15.joints]
    return near & (error_sizes(pairs) > FAR) & ~at_partner(pairs)


def taken_for_others(pairs: Pairs) -> Bool[np.ndarray, "person 15"]:
    return at_partner(pairs) | (at_neighbor(pairs, "elbow") & (KIND == "wrist"))


def swaps(
    pairs: Pairs, kinds: tuple[str, ...]
) -> tuple[Bool[np.ndarray, "person"], Bool[np.ndarray, "person"]]:
    """Return who has all these joints, and whose fit the truth twice as well with sides swapped."""
    columns = np.isin(KIND, kinds)
    as_found = error_sizes(pairs)[:, columns]
    away = pairs.found[:, BODY_15.mirror, :2] - pairs.truth
    swapped = (np.linalg.norm(away, axis=-1) / pairs.box[:, None])[:, columns]
    complete = np.isfinite(as_found).all(axis=1) & (
        between_partners(pairs)[:, columns].mean(1) > 0.04
    )
    return complete, complete & (swapped.sum(axis=1) < 0.5 * as_found.sum(axis=1))


def seen_from_behind(pairs: Pairs) -> Bool[np.ndarray, "person"]:
    right, left = (
        pairs.truth[:, BODY_15.index(f"{side}_shoulder"), 0] for side in ("right", "left")
    )
    return right - left > FROM_BEHIND * pairs.box


def before_found(pairs: Pairs) -> Bool[np.ndarray, "person 15"]:
    """Say for which joints the one before on the limb was found; true for joints without one."""
    found = np.ones(pairs.hidden.shape, bool)
    for kind, before in BEFORE.items():
        for side in ("left", "right"):
            column = BODY_15.index(f"{side}_{before}")
            found[:, BODY_15.index(f"{side}_{kind}")] = pairs.found[:, column, 2] > 0
    return found


def normal_scores(error: Float[np.ndarray, "person 15"]) -> Float[np.ndarray, "person 15"]:
    """Return where each error stands among those of its kind, as a normal variable."""
    scores = np.full(error.shape, np.nan)
    for kind in KINDS:
        known = np.isfinite(error) & (kind == KIND)
        rank = error[known].argsort().argsort()
        scores[known] = torch.special.ndtri(torch.from_numpy((rank + 0.5) / len(rank))).numpy()
    return scores


def on_sides(kind: str, other: str, crossed: bool) -> list[tuple[int, int]]:
    """Return the columns of two kinds of joints on the same side, or on different ones."""
    sides = ("left", "right")
    return [
        (BODY_15.index(f"{a}_{kind}"), BODY_15.index(f"{b}_{other}"))
        for a in sides
        for b in sides
        if (a != b) is (crossed or kind == other)
    ]


def correlation(
    scores: Float[np.ndarray, "person 15"], kind: str, other: str, crossed: bool
) -> float:
    columns = np.array(on_sides(kind, other, crossed))
    first, second = scores[:, columns[:, 0]].ravel(), scores[:, columns[:, 1]].ravel()
    known = np.isfinite(first) & np.isfinite(second)
    return float(np.corrcoef(first[known], second[known])[0, 1])


def cosine(pairs: Pairs, kind: str, other: str, low: float, high: float) -> float:
    """Return how much two joints' errors point the same way, the smaller being in a range."""
    columns = np.array(on_sides(kind, other, crossed=False))
    first, second = (displacements(pairs)[:, columns[:, end]] for end in (0, 1))
    sizes = np.stack([np.linalg.norm(error, axis=-1) for error in (first, second)])
    inside = (sizes.min(axis=0) >= low) & (sizes.min(axis=0) < high)
    return float(((first * second).sum(axis=-1) / sizes.prod(axis=0))[inside].mean())


if __name__ == "__main__":
    main()
