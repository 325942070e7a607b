"""What a GAN's health looks like in healthy trainings and in sick ones: where the limits come from.

    python -m research.gan_health --data ../shared/data

The limits are only noted, not enforced. Half a minute for each training on MPII on one core.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from pose_lib.datasets.sample import sample_poses
from pose_lib.lifting.training.arithmetic import use_one_thread
from pose_lib.lifting.training.canonical_people import NormalizedPoses, canonical_people
from pose_lib.lifting.training.config import DEMO, CameraConfig, DiagnosticsConfig, GanConfig
from pose_lib.lifting.training.gan import GanStage
from pose_lib.lifting.training.gan_diagnostics import DiagnosticsReport, GanDiagnostics
from pose_lib.lifting.training.tensor_state import seeded
from pose_lib.training_data import read_training_poses

MPII = Path("mpii/annotations/mpii_train_full16.npz")
LEVEL = CameraConfig(pitch_mean=0.0, pitch_std=0.0)
BROAD = CameraConfig(pitch_std=14.0, nearest=2.0, farthest=15.0)


@dataclass(frozen=True)
class Case:
    name: str
    gan: GanConfig
    camera: CameraConfig = field(default_factory=CameraConfig)
    number: int = 0
    seed: int = 0
    on_mpii: bool = True
    frontal: bool = False
    change: Callable[[GanStage], None] | None = None


def main() -> None:
    options = _options()
    use_one_thread()
    mpii = canonical_people(read_training_poses([options.data / MPII]).poses)
    sample = canonical_people(read_training_poses([sample_poses()]).poses)
    gan = GanConfig(steps=options.steps)
    print(f"{'':44} accuracy  spread  saturated  mirrored  facing  caught")
    for title, cases in (("healthy", _healthy(gan)), ("diverged", _sick(gan))):
        print(title)
        for case in cases:
            people = mpii if case.on_mpii else sample
            _print_row(case.name, *_watched(case, _frontal(people) if case.frontal else people))


def _healthy(gan: GanConfig) -> list[Case]:
    return [
        *(Case(f"default, generator {n + 1}", gan, number=n) for n in range(3)),
        *(Case(f"demo, seed {seed}", DEMO.gan, seed=seed, on_mpii=False) for seed in range(3)),
        Case("2,000 people of CMU, default", gan, on_mpii=False),
        Case("broad camera", gan, BROAD),
        Case("no re-lifting loss", replace(gan, cycle_weights=(0.0,))),
        Case("ten times the learning rate", replace(gan, learning_rate=5e-3)),
    ]


def _sick(gan: GanConfig) -> list[Case]:
    unbent = replace(gan, flexion_weight=0.0)
    return [
        *(
            Case(f"level camera, no flexion loss, seed {s}", unbent, LEVEL, seed=s)
            for s in range(3)
        ),
        Case("learning rate 0.05", replace(gan, learning_rate=0.05)),
        Case("learning rate 0.000001", replace(gan, learning_rate=1e-6)),
        Case("flexion weight 50", replace(gan, flexion_weight=50.0)),
        Case("discriminator 50 times faster", gan, change=_slow_generator),
        Case("only people who face the camera", gan, frontal=True),
    ]


def _slow_generator(stage: GanStage) -> None:
    train = stage._train_player
    stage._train_player = lambda lifted, view, noisy, rate: train(lifted, view, noisy, rate / 50)  # type: ignore[method-assign]


def _frontal(people: NormalizedPoses) -> NormalizedPoses:
    """Keep those whose left hip and shoulder are far to the right of the picture."""
    facing = people.bones[:, [0, 3], 0].mean(1)
    kept = facing < -0.6
    even = torch.full((int(kept.sum()),), 1 / int(kept.sum()))
    return replace(people, bones=people.bones[kept], weights=even)


def _watched(case: Case, people: NormalizedPoses) -> tuple[DiagnosticsReport, int | None]:
    """Return the last report, and the step at which the training would have been stopped."""
    rng = seeded(case.seed, case.number)
    stage = GanStage(people, case.gan, case.camera, rng, number=case.number)
    if case.change:
        case.change(stage)
    diagnostics = GanDiagnostics(stage, DiagnosticsConfig(), seed=case.seed)
    caught, latest = None, None
    for _ in range(case.gan.steps):
        latest = diagnostics.after_step(stage, stage.advance()) or latest
        if caught is None and diagnostics.divergence():
            caught = stage.step
    assert latest is not None
    return latest, caught


def _print_row(name: str, last: DiagnosticsReport, caught: int | None) -> None:
    print(
        f"  {name:42} {last.discriminator_accuracy:8.2f} {last.depth_spread:7.2f} "
        f"{last.depth_saturated:10.2f} {last.mirror_share:9.2f} {last.facing_distance:7.2f}  "
        f"{'-' if caught is None else f'step {caught}'}",
        flush=True,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the development data")
    parser.add_argument("--steps", type=int, default=400)
    return parser.parse_args()


if __name__ == "__main__":
    main()
