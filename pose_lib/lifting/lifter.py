"""The lifter as others use it: 2D people in, 3D poses out."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pose_lib.lifting.bone_length_table import BoneLengthTable
from pose_lib.lifting.bones import CONDITIONING_PERCENTILE, measure_bone_lengths
from pose_lib.lifting.lifter_input import (
    CONDITIONED_KINDS,
    LifterInput,
    log_length_ratios,
    normalized,
)
from pose_lib.lifting.networks import RADIUS_SHARES, Regressor

MIN_JOINTS = 6
_AT_ONCE = 1024  # their activations stay in the cache


@dataclass(frozen=True)
class LiftedPoses:
    """3D poses, one for each 2D pose given.

    Attributes:
        poses3d: ``BODY_15``, unitless, camera frame (x right, y down, z away from the viewer),
            pelvis at the origin; NaN where a person was refused.
        filled: Joints that were missing in the input and come from the lifter alone.
        refused: Why a person was not lifted; empty where lifted.
        uncertainty: The expected error of each joint, in the unit of the poses; see
            ``Lifter.radius`` for what share lies within it. NaN where refused.
    """

    poses3d: Float[np.ndarray, "pose 15 3"]
    filled: Bool[np.ndarray, "pose 15"]
    refused: tuple[str, ...]
    uncertainty: Float[np.ndarray, "pose 15"]

    def __post_init__(self) -> None:
        if not len(self.poses3d) == len(self.filled) == len(self.refused) == len(self.uncertainty):
            raise ValueError("poses, filled joints, refusals and uncertainties must be as many")

    def __len__(self) -> int:
        return len(self.poses3d)

    @property
    def lifted(self) -> Bool[np.ndarray, "pose"]:
        """Which people were lifted."""
        return np.array([not reason for reason in self.refused], dtype=bool)


@dataclass(frozen=True)
class Lifter:
    """A trained lifter.

    Attributes:
        regressor: The network, with its table of bone lengths.
        bone_length_ratios: What it is conditioned on, see ``LifterInput``; None where unknown, as
            for a single photograph.
        origin: Where it comes from, in plain values: settings and number of people, or more.
        bone_length_tables: Of known joint conventions, for single photographs.
    """

    regressor: Regressor
    bone_length_ratios: Float[Tensor, "7"] | None = None
    origin: dict[str, Any] = field(default_factory=dict)
    bone_length_tables: tuple[BoneLengthTable, ...] = ()

    def lift(self, poses: Float[np.ndarray, "pose 15 3"]) -> LiftedPoses:
        """Lift people, whole or not, to 3D.

        Args:
            poses: ``BODY_15``; x, y in pixels and confidence, missing is ``(nan, nan, 0)``.
        """
        found = (poses[..., 2] > 0) & np.isfinite(poses).all(-1)
        parts = [
            self._lift(poses[start : start + _AT_ONCE], found[start : start + _AT_ONCE])
            for start in range(0, max(1, len(poses)), _AT_ONCE)
        ]
        poses3d, uncertainty = (np.concatenate(column) for column in zip(*parts, strict=True))
        refused = _refusals(poses, found, poses3d)
        lifted_people = refused == ""
        poses3d[~lifted_people] = np.nan
        uncertainty[~lifted_people] = np.nan
        filled = ~found & lifted_people[:, None]
        return LiftedPoses(poses3d, filled, tuple(refused.tolist()), uncertainty)

    def radius(self, share: float) -> float:
        """Return the factor on an uncertainty within which ``share`` of the true joints lie.

        Measured at the end of training on new views of its own people, without the pelvis, at which
        poses are put and which is never wrong.

        Args:
            share: 0 to 1; beyond the shares measured, 0.1 to 0.95, the nearest counts.
        """
        return float(np.interp(share, RADIUS_SHARES, self.regressor.radii.numpy()))

    def adapted(self, poses: Float[np.ndarray, "pose 15 3"]) -> "Lifter":
        """Return the same lifter, conditioned on bone-length ratios measured on these 2D poses.

        Use it wherever one detector or data set gave a hundred people or more.

        Raises:
            InputError: If too few people show some bone.
        """
        found = (poses[..., 2] > 0) & np.isfinite(poses).all(-1)
        joints = np.where(found[..., None], poses[..., :2], np.nan).astype(np.float32)
        table = self.regressor.table
        lengths = measure_bone_lengths(torch.from_numpy(joints), percentile=CONDITIONING_PERCENTILE)
        return replace(self, bone_length_ratios=log_length_ratios(lengths, table))

    def for_joint_convention(self, name: str) -> "Lifter":
        """Return the same lifter, conditioned on its table of a joint convention.

        Use it for a single photograph. Without a table, or one certain enough, nothing changes.

        Args:
            name: Of the skeleton, in any case: ``MPII_16``.
        """
        for table in self.bone_length_tables:
            if table.name == name.lower() and table.certain:
                return replace(self, bone_length_ratios=table.log_ratios(self.regressor.table))
        return self

    @torch.no_grad()
    def _lift(
        self, poses: Float[np.ndarray, "pose 15 3"], found: Bool[np.ndarray, "pose 15"]
    ) -> tuple[Float[np.ndarray, "pose 15 3"], Float[np.ndarray, "pose 15"]]:
        seen, size = normalized(self._input(poses, found), self.regressor.table)
        joints, uncertainty = self.regressor(seen)
        joints = torch.where(size[:, None, None] > 0, joints, torch.nan)
        return joints.numpy(), uncertainty.numpy()

    def _input(
        self, poses: Float[np.ndarray, "pose 15 3"], found: Bool[np.ndarray, "pose 15"]
    ) -> LifterInput:
        known = np.where(found[..., None], poses, 0).astype(np.float64)
        middle = known[..., :2].sum(1) / np.maximum(found.sum(1), 1)[:, None]
        near = np.where(found[..., None], known[..., :2] - middle[:, None], 0)  # before rounding
        n = len(poses)
        ratios = self.bone_length_ratios
        ratios = torch.zeros(len(CONDITIONED_KINDS)) if ratios is None else ratios
        return LifterInput(
            joints=torch.from_numpy(near.astype(np.float32)),
            confidence=torch.from_numpy(known[..., 2].astype(np.float32)).clamp(0, 1),
            bone_length_ratios=ratios.expand(n, -1),
            conditioned=torch.full((n,), float(self.bone_length_ratios is not None)),
        )


def _refusals(
    poses: Float[np.ndarray, "pose 15 3"],
    found: Bool[np.ndarray, "pose 15"],
    poses3d: Float[np.ndarray, "pose 15 3"],
) -> np.ndarray:
    """Return why each person is not lifted, the empty string where lifted."""
    reasons = np.full(len(poses), "", dtype=object)
    reasons[~np.isfinite(poses3d).all((1, 2))] = "no trunk or limb found whole"

    seen = np.where(found[..., None], poses[..., :2], np.nan)
    apart = seen != np.nanmax(seen, axis=1, keepdims=True, initial=-np.inf)
    reasons[~(apart & found[..., None]).any((1, 2))] = "all joints coincide"

    n_found = found.sum(1)
    for pose in np.flatnonzero(n_found < MIN_JOINTS):
        reasons[pose] = f"only {n_found[pose]} joints found, {MIN_JOINTS} are needed"
    return reasons
