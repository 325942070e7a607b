"""The lifter as others use it: 2D people in, 3D poses out."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pose_lib.lifting.bones import measure_bone_lengths
from pose_lib.lifting.networks import Regressor
from pose_lib.lifting.observation import TOLD_KINDS, Observation, normalized, proportions_of
from pose_lib.skeleton import BODY_15

FEWEST_JOINTS = 6
_AT_ONCE = 4096


@dataclass(frozen=True)
class LiftedPoses:
    """3D poses, one for each 2D pose given.

    Attributes:
        poses3d: ``BODY_15``, unitless, camera frame (x right, y down, z away from the viewer),
            pelvis at the origin; NaN where a person was refused.
        filled: Joints that were missing in the input and come from the lifter alone.
        refused: Why a person was not lifted; empty where lifted.
    """

    poses3d: Float[np.ndarray, "pose 15 3"]
    filled: Bool[np.ndarray, "pose 15"]
    refused: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.poses3d) == len(self.filled) == len(self.refused):
            raise ValueError("poses, filled joints and refusals must be of the same number")

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
        proportions: How its source's bone lengths compare to the table, see ``Observation``; None
            where the source is not known, as with a single photograph.
        origin: Where it comes from, in plain values: settings and number of people, or more.
    """

    regressor: Regressor
    proportions: Float[Tensor, "7"] | None = None
    origin: dict[str, Any] = field(default_factory=dict)

    def lift(self, poses: Float[np.ndarray, "pose 15 3"]) -> LiftedPoses:
        """Lift people, whole or not, to 3D.

        Args:
            poses: ``BODY_15``; x, y in pixels and confidence, missing is ``(nan, nan, 0)``.
        """
        found = (poses[..., 2] > 0) & np.isfinite(poses).all(-1)
        lifted = [
            self._lift(poses[start : start + _AT_ONCE], found[start : start + _AT_ONCE])
            for start in range(0, len(poses), _AT_ONCE)
        ]
        poses3d = np.concatenate([np.empty((0, 15, 3), np.float32), *lifted])
        refused = tuple(_refusal(*person) for person in zip(poses, found, poses3d, strict=True))
        poses3d[[bool(reason) for reason in refused]] = np.nan
        lifted_people = np.isfinite(poses3d[..., 0])
        return LiftedPoses(poses3d, ~found & lifted_people, refused)

    def adapted(self, poses: Float[np.ndarray, "pose 15 3"]) -> "Lifter":
        """Return the same lifter, told the proportions that this source's own 2D poses show.

        Worth it wherever one detector or data set gave a hundred people or more.

        Raises:
            InputError: If too few people show some bone.
        """
        found = (poses[..., 2] > 0) & np.isfinite(poses).all(-1)
        joints = np.where(found[..., None], poses[..., :2], np.nan).astype(np.float32)
        table = self.regressor.table
        lengths = measure_bone_lengths(torch.from_numpy(joints))
        return replace(self, proportions=proportions_of(lengths, table))

    @torch.no_grad()
    def _lift(
        self, poses: Float[np.ndarray, "pose 15 3"], found: Bool[np.ndarray, "pose 15"]
    ) -> Float[np.ndarray, "pose 15 3"]:
        seen, size = normalized(self._observation(poses, found), self.regressor.table)
        mirrored = self.regressor(seen.mirrored())[:, BODY_15.mirror] * torch.tensor([-1, 1, 1])
        joints = (self.regressor(seen) + mirrored) / 2
        return torch.where(size[:, None, None] > 0, joints, torch.nan).numpy()

    def _observation(
        self, poses: Float[np.ndarray, "pose 15 3"], found: Bool[np.ndarray, "pose 15"]
    ) -> Observation:
        known = np.where(found[..., None], poses, 0).astype(np.float64)
        middle = known[..., :2].sum(1) / np.maximum(found.sum(1), 1)[:, None]
        near = np.where(found[..., None], known[..., :2] - middle[:, None], 0)  # before rounding
        n = len(poses)
        proportions = torch.zeros(len(TOLD_KINDS)) if self.proportions is None else self.proportions
        return Observation(
            joints=torch.from_numpy(near.astype(np.float32)),
            confidence=torch.from_numpy(known[..., 2].astype(np.float32)).clamp(0, 1),
            proportions=proportions.expand(n, -1),
            told=torch.full((n,), float(self.proportions is not None)),
        )


def _refusal(
    pose: Float[np.ndarray, "15 3"],
    found: Bool[np.ndarray, "15"],
    pose3d: Float[np.ndarray, "15 3"],
) -> str:
    if found.sum() < FEWEST_JOINTS:
        return f"only {int(found.sum())} joints found, {FEWEST_JOINTS} are needed"
    if not np.ptp(pose[found, :2], axis=0).any():
        return "all joints coincide"
    if not np.isfinite(pose3d).all():
        return "no trunk or limb found whole"
    return ""
