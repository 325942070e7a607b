"""Errors of a lifter against 3D truth, as everyone in the field reports them and stricter."""

from contextlib import suppress
from typing import Any

import numpy as np
from jaxtyping import Float

from pose_lib.errors import InputError
from pose_lib.evaluation.pose_metrics import (
    auc,
    joint_errors_aligned,
    joint_errors_scaled,
    mirror_rate,
    pck,
)
from pose_lib.lifting.lifter import Lifter
from pose_lib.skeleton import BODY_15

SCORED_JOINTS = tuple(joint for joint in BODY_15.joints if joint != "nose")
"""All but the nose: MPII, the usual training data, does not annotate one."""

_FIGURES = ("pa_mpjpe", "pa_mpjpe_reflected", "n_mpjpe", "pck150", "auc", "mirror_rate")


def evaluate_lifter(
    lifter: Lifter,
    poses: Float[np.ndarray, "pose 15 3"],
    truth: Float[np.ndarray, "pose 15 3"],
    *,
    adapt: bool,
) -> tuple[dict[str, Any], Float[np.ndarray, "pose 15 3"]]:
    """Lift poses and compare them to the truth.

    Args:
        poses: 2D ``BODY_15`` in pixels with confidence, missing is ``(nan, nan, 0)``.
        truth: The same people in mm, camera frame.
        adapt: Condition the lifter on bone-length ratios measured on ``poses``, if they are enough;
            this uses no 3D.

    Returns:
        The figures by name, see ``score_poses``, with ``poses`` and ``adapted_on``, the number of
        poses that the ratios were measured on; and the lifted poses, unitless. Refused people
        are flat points at the pelvis, so that they count.
    """
    n_measured = 0
    if adapt:
        with suppress(InputError):  # too few people: lift unconditioned
            lifter, n_measured = lifter.adapted(poses), len(poses)
    lifted = np.nan_to_num(lifter.lift(poses).poses3d, nan=0.0)
    counts = {"poses": len(poses), "adapted_on": n_measured}
    return counts | score_poses(lifted, truth), lifted


def score_poses(
    poses: Float[np.ndarray, "pose 15 3"], truth: Float[np.ndarray, "pose 15 3"]
) -> dict[str, Any]:
    """Compare 3D poses of any scale to the truth on the 14 joints without the nose.

    Returns:
        In mm ``pa_mpjpe`` (without reflection), ``pa_mpjpe_reflected``, ``n_mpjpe``,
        ``pa_mpjpe_15`` (with the nose) and ``per_joint`` (as ``pa_mpjpe``, by name); as shares of
        one ``pck150`` and ``auc`` (after scaling, as ``n_mpjpe``) and ``mirror_rate``.
        None for ``pa_mpjpe_15`` where a true nose is NaN.
    """
    scored = BODY_15.indices(SCORED_JOINTS)
    rooted, true = _rooted(poses), _rooted(truth)
    strict = joint_errors_aligned(rooted[:, scored], true[:, scored])
    reflected = joint_errors_aligned(rooted[:, scored], true[:, scored], reflect=True)
    scaled = joint_errors_scaled(rooted[:, scored], true[:, scored])
    return {
        "pa_mpjpe": float(strict.mean()),
        "pa_mpjpe_reflected": float(reflected.mean()),
        "n_mpjpe": float(scaled.mean()),
        "pck150": pck(scaled),
        "auc": auc(scaled),
        "mirror_rate": mirror_rate(strict, reflected),
        "pa_mpjpe_15": _with_nose(rooted, true),
        "per_joint": dict(zip(SCORED_JOINTS, map(float, strict.mean(0)), strict=True)),
    }


def pose_errors(
    poses: Float[np.ndarray, "pose 15 3"], truth: Float[np.ndarray, "pose 15 3"]
) -> Float[np.ndarray, "pose"]:
    """Return the ``pa_mpjpe`` of each pose, in mm."""
    scored = BODY_15.indices(SCORED_JOINTS)
    return joint_errors_aligned(poses[:, scored], truth[:, scored]).mean(1)


def score_groups(
    poses: Float[np.ndarray, "pose 15 3"],
    truth: Float[np.ndarray, "pose 15 3"],
    group: tuple[str, ...],
    grouped_by: str,
) -> dict[str, Any]:
    """Score each group of poses by itself, as the protocols of Human3.6M and MPI-INF-3DHP do.

    Args:
        grouped_by: What a group is, such as ``action``.

    Returns:
        ``per_action``, the figures by group; ``action_mean``, their means over groups, each group
        counting once; and ``pck150_13`` and ``auc_13`` of all poses together, which leave out the
        pelvis: there poses are aligned, so that it is never wrong.
    """
    names = np.array(group)
    per_group = {
        str(name): _group_figures(poses[names == name], truth[names == name])
        for name in dict.fromkeys(group)
    }
    figures = per_group[group[0]]
    means = {
        figure: float(np.mean([of_group[figure] for of_group in per_group.values()]))
        for figure in figures
        if figure != "poses"
    }
    grouped = {f"per_{grouped_by}": per_group, f"{grouped_by}_mean": means}
    return _without_pelvis(poses, truth) | grouped


def _group_figures(
    poses: Float[np.ndarray, "pose 15 3"], truth: Float[np.ndarray, "pose 15 3"]
) -> dict[str, Any]:
    scores = score_poses(poses, truth)
    plain = {figure: scores[figure] for figure in _FIGURES}
    return {"poses": len(poses)} | plain | _without_pelvis(poses, truth)


def _without_pelvis(
    poses: Float[np.ndarray, "pose 15 3"], truth: Float[np.ndarray, "pose 15 3"]
) -> dict[str, float]:
    joints = BODY_15.indices(tuple(joint for joint in SCORED_JOINTS if joint != "pelvis"))
    errors = joint_errors_scaled(_rooted(poses)[:, joints], _rooted(truth)[:, joints])
    return {"pck150_13": pck(errors), "auc_13": auc(errors)}


def _with_nose(
    rooted: Float[np.ndarray, "pose 15 3"], true: Float[np.ndarray, "pose 15 3"]
) -> float | None:
    if not np.isfinite(true).all():
        return None
    return float(joint_errors_aligned(rooted, true).mean())


def _rooted(poses: Float[np.ndarray, "pose 15 3"]) -> Float[np.ndarray, "pose 15 3"]:
    return poses - poses[:, [BODY_15.index("pelvis")]]
