"""Whether a GAN is in good health while it trains, seen on a few of its own people.

All figures come from 2D people and what the generator makes of them; no 3D truth is known here.
Looking changes nothing: the random numbers used are not the training's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from pose_lib.lifting.bones import AXES, bone_indices, depth_bound
from pose_lib.lifting.config import DiagnosticsConfig
from pose_lib.lifting.gan import GanStage, new_view, wrong_bend
from pose_lib.lifting.tensor_state import seeded

_SAMPLE_STREAM, _VIEW_STREAM = 1_001, 1_002  # no stage of a training counts as far
_SATURATED = 0.98  # of the bound
_MEMORY = 0.98  # of the smoothed accuracy, at each step
_FRONT_TO_BACK = torch.tensor([1.0, 1.0, -1.0])


@dataclass(frozen=True)
class HealthReport:
    """How a GAN is doing.

    Attributes:
        step: Steps that the stage has done.
        discriminator_accuracy: Share judged right over the latest 50 steps or so; 0.5 is chance.
        depth_spread: How far the depth of a bone varies between people, relative to how far it
            may; 0 where all are flat or all alike.
        depth_saturated: Share of bones that reach as far into depth as they may.
        mirror_share: Share of people whose knees and elbows would bend less wrongly if the pose
            were mirrored front to back.
        facing_distance: Mean distance between the facing cosines of new views and of real people,
            both in order; 0 where the two are distributed alike.
    """

    step: int
    discriminator_accuracy: float
    depth_spread: float
    depth_saturated: float
    mirror_share: float
    facing_distance: float

    @property
    def figures(self) -> dict[str, float]:
        """All but the step, by name."""
        return {name: value for name, value in asdict(self).items() if name != "step"}


class GanHealth:
    """Watches one stage: hears of every step, looks at the people now and then.

    What it remembers is plain values, so that a resumed training judges as one never stopped.
    """

    def __init__(self, stage: GanStage, config: DiagnosticsConfig, *, seed: int) -> None:
        self.config, self._seed = config, seed
        self._sample = stage.people.draw(config.people, seeded(seed, _SAMPLE_STREAM))
        self._accuracy = 0.5
        self._reports: list[HealthReport] = []

    def after_step(self, stage: GanStage, losses: Mapping[str, float]) -> HealthReport | None:
        """Take in what a step did; return a report where one is due."""
        self._accuracy += (1 - _MEMORY) * (losses["discriminator_accuracy"] - self._accuracy)
        if stage.step % self.config.every and stage.step != stage.n_steps:
            return None
        report = self.check(stage)
        self._reports = [*self._reports, report][-self.config.patience :]
        return report

    def check(self, stage: GanStage) -> HealthReport:
        """Look at the stage as it is now."""
        with torch.no_grad():
            depth = stage.generator(self._sample)
        lifted = torch.cat([self._sample, depth[..., None]], dim=-1)
        rng = seeded(self._seed, _VIEW_STREAM)
        view = new_view(lifted, stage.people.table, stage.camera, rng)
        reach = depth_bound(self._sample)
        return HealthReport(
            step=stage.step,
            discriminator_accuracy=self._accuracy,
            depth_spread=_spread(depth, reach),
            depth_saturated=(depth.abs() > _SATURATED * reach).float().mean().item(),
            mirror_share=mirror_share(lifted),
            facing_distance=facing_distance(view[..., :2], self._sample),
        )

    def sick(self) -> str:
        """Say which limit the latest reports all break, and what to do; empty if none."""
        return sickness(self._reports, self.config)

    def memory(self) -> dict[str, Any]:
        """Return what is remembered, as plain values."""
        return {"accuracy": self._accuracy, "reports": [asdict(one) for one in self._reports]}

    def restore(self, memory: Mapping[str, Any]) -> None:
        """Remember what ``memory()`` returned."""
        self._accuracy = memory["accuracy"]
        self._reports = [HealthReport(**one) for one in memory["reports"]]


def sickness(reports: Sequence[HealthReport], config: DiagnosticsConfig) -> str:
    """Say which limit the latest reports all break, and what to do; empty if none does."""
    judged = [report for report in reports if report.step >= config.begin][-config.patience :]
    if not config.stop or len(judged) < config.patience:
        return ""
    for limit in _LIMITS:
        allowed = getattr(config, limit.setting)
        values = [getattr(report, limit.figure) for report in judged]
        if all(limit.broken_by(value, allowed) for value in values):
            return (
                f"{limit.told.format(values[-1])} (health.{limit.setting} is {allowed:g}); "
                f"{limit.advice}; or change that limit, and the training goes on from here"
            )
    return ""


def mirror_share(lifted: Float[Tensor, "pose 12 3"]) -> float:
    """Return the share of poses that bend their joints less wrongly when mirrored in depth."""
    mirrored = wrong_bend(lifted * _FRONT_TO_BACK)
    return (mirrored < wrong_bend(lifted)).float().mean().item()


def facing_distance(seen: Float[Tensor, "pose 12 2"], real: Float[Tensor, "person 12 2"]) -> float:
    """Return the Wasserstein distance between two equally many people's facing cosines."""
    return (_facing(seen).sort().values - _facing(real).sort().values).abs().mean().item()


def _facing(bones: Float[Tensor, "pose 12 2"]) -> Float[Tensor, "pose"]:
    """Return the facing cosine: -1 facing the viewer, 1 turned away, 0 seen from the side."""
    return bones[:, bone_indices(*AXES), 0].mean(1).clamp(-1, 1)


def _spread(depth: Float[Tensor, "pose 12"], reach: Float[Tensor, "pose 12"]) -> float:
    return (depth.std(0) / reach.square().mean(0).sqrt()).mean().item()


@dataclass(frozen=True)
class _Limit:
    """What a figure of a healthy training does not go beyond."""

    figure: str
    setting: str
    told: str
    advice: str

    def broken_by(self, value: float, allowed: float) -> bool:
        """Tell whether a value is beyond the limit; not a number always is."""
        within = value >= allowed if self.setting.startswith("min_") else value <= allowed
        return not (math.isfinite(value) and within)


_LIMITS = (
    _Limit(
        "depth_saturated",
        "max_saturated",
        "{:.0%} of all bones reach as far into depth as they may",
        "the learning rate is too high: lower gan.learning_rate",
    ),
    _Limit(
        "depth_spread",
        "min_depth_spread",
        "poses come out flat or all alike, their depth varies by {:.2f} of what it may",
        "give the generator more to learn from: raise gan.learning_rate or gan.steps",
    ),
    _Limit(
        "mirror_share",
        "max_mirrored",
        "{:.0%} of the people come out mirrored front to back",
        "raise gan.flexion_weight, or let the camera look down more (camera.pitch_mean)",
    ),
    _Limit(
        "discriminator_accuracy",
        "max_accuracy",
        "the discriminator judges {:.0%} right and leaves the generator no chance",
        "raise gan.noise or gan.r1_weight, or give more people",
    ),
    _Limit(
        "facing_distance",
        "max_facing_distance",
        "new views face otherwise than real people, by {:.2f} of the cosine",
        "give people who face all ways, and see whether their left and right are swapped",
    ),
)
