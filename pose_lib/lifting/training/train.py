"""Training from 2D poses to a lifter, step by step, stoppable and resumable anywhere."""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from pose_lib.config import config_table
from pose_lib.errors import InputError, TrainingDivergedError
from pose_lib.lifting.lifter import Lifter
from pose_lib.lifting.networks import Discriminator, Generator
from pose_lib.lifting.training.arithmetic import bfloat16_products
from pose_lib.lifting.training.canonical_people import NormalizedPoses, people_by_source
from pose_lib.lifting.training.config import TrainConfig
from pose_lib.lifting.training.distill import DistillStage
from pose_lib.lifting.training.gan import GanStage
from pose_lib.lifting.training.gan_diagnostics import DiagnosticsReport, GanDiagnostics
from pose_lib.lifting.training.synthesis import Corpus, join_corpora, lift_corpus
from pose_lib.lifting.training.tensor_state import Tensors, packed, seeded, unpacked
from pose_lib.processes.host import usable_cores


@dataclass(frozen=True)
class StepReport:
    """What one training step did.

    Attributes:
        stage: ``gan 1``, ``gan 2``, ... then ``distill``.
        step: Steps done so far, over all stages.
        stage_step: Steps of this stage.
        total_steps: Steps of all stages together.
        losses: By name. Of the GAN: ``generator_loss``, ``discriminator_loss``,
            ``discriminator_accuracy``, ``flexion_loss``, ``cycle_loss``; of
            distillation: ``joint_error`` and the Procrustes-aligned ``pa_error``, both in trunk
            lengths, and ``uncertainty_loss``.
        diagnostics: Of the GAN, at the steps where it was checked.
    """

    stage: str
    step: int
    stage_step: int
    total_steps: int
    losses: dict[str, float]
    diagnostics: DiagnosticsReport | None = None


@dataclass(frozen=True)
class Checkpoint:
    """All that is needed to go on, given the same poses and settings.

    Attributes:
        tensors: Weights, optimizers' memories and random states, by name.
        values: Where in the training it was taken, and of which training.
    """

    tensors: Tensors
    values: dict[str, Any]


class Training:
    """Both stages of training a lifter, from 2D poses alone.

    Iterate over ``steps()``; between two steps ``checkpoint()`` may be taken and ``Training.
    restore`` continues from it to the bit, on a CPU and with the same number of threads.
    """

    def __init__(
        self, people: tuple[NormalizedPoses, ...], config: TrainConfig, *, poses_digest: str
    ) -> None:
        """Prepare to train.

        Args:
            people: Those of each source, the largest first.
        """
        self.people, self.config = people, config
        self._source_of = allocate_generators(
            config.gan.n_generators, [len(part) for part in people]
        )
        self._poses_digest = poses_digest
        self._finished: list[tuple[Generator, Discriminator]] = []
        self._stage: GanStage | DistillStage = self._next_stage()
        self._diagnostics = self._watch()

    @classmethod
    def start(
        cls, poses: Float[np.ndarray, "pose 15 3"], config: TrainConfig, counts: Sequence[int] = ()
    ) -> "Training":
        """Prepare to train on these poses.

        Args:
            poses: ``BODY_15``; x, y in pixels and confidence. People with missing joints
                ``(nan, nan, 0)`` are left out.
            counts: How many poses, in a row, are of each source; by default all are of one. A
                large source has its own bone lengths measured and generators of its own.

        Raises:
            InputError: If too few people are complete and plausible.
        """
        people = people_by_source(poses, counts, most=config.gan.n_generators)
        return cls(people, config, poses_digest=_digest(poses, counts))

    @classmethod
    def restore(
        cls,
        poses: Float[np.ndarray, "pose 15 3"],
        config: TrainConfig,
        checkpoint: Checkpoint,
        counts: Sequence[int] = (),
    ) -> "Training":
        """Continue a training from its checkpoint.

        Raises:
            InputError: If the checkpoint belongs to other poses or settings.
        """
        training = cls.start(poses, config, counts)
        training._restore(checkpoint)
        return training

    @property
    def n_people(self) -> int:
        """Complete and plausible people of all sources."""
        return sum(map(len, self.people))

    @property
    def total_steps(self) -> int:
        """Steps of all stages together."""
        return self.config.total_steps

    @property
    def step(self) -> int:
        """Steps done, over all stages."""
        return len(self._finished) * self.config.gan.steps + self._stage.step

    @property
    def generators(self) -> list[Generator]:
        """The GAN's generators, the one in training last."""
        current = [self._stage.generator] if isinstance(self._stage, GanStage) else []
        return [generator for generator, _ in self._finished] + current

    @property
    def discriminators(self) -> list[Discriminator]:
        """The generators' discriminators, in the same order."""
        current = [self._stage.discriminator] if isinstance(self._stage, GanStage) else []
        return [discriminator for _, discriminator in self._finished] + current

    def steps(self) -> Iterator[StepReport]:
        """Train to the end, one step at a time.

        Raises:
            TrainingDivergedError: If the GAN's diagnostics break a limit of the config, after the
                report that shows it; or if a loss is no longer finite.
        """
        for _, reports in self.stages():
            yield from reports

    def stages(self) -> Iterator[tuple[str, Iterator[StepReport]]]:
        """Train to the end, stage by stage; return each one's name and its steps, to go through."""
        while self.step < self.total_steps:
            self._stop_if_diverged()
            if self._stage.step == self._stage.n_steps:
                self._advance_stage()
            yield self._stage_name, self._stage_steps()

    def lifter(self) -> Lifter:
        """Return the lifter as trained so far.

        Raises:
            ValueError: If distillation has not begun.
        """
        if isinstance(self._stage, DistillStage):
            origin = {"config": deciding_settings(self.config), "people": self.n_people}
            return Lifter(self._stage.measured_regressor(), origin=origin)
        raise ValueError("there is no lifter before the distill stage; train to the end first")

    def checkpoint(self) -> Checkpoint:
        """Return the state between two steps."""
        tensors = packed("stage", self._stage.tensors())
        for number, (generator, discriminator) in enumerate(self._finished):
            tensors |= packed(f"generator{number}", generator.state_dict())
            tensors |= packed(f"discriminator{number}", discriminator.state_dict())
        values = {
            "finished": len(self._finished),
            "stage_step": self._stage.step,
            "config": deciding_settings(self.config),
            "poses_digest": self._poses_digest,
            "diagnostics": self._diagnostics.state() if self._diagnostics else None,
        }
        return Checkpoint(tensors, values)

    @property
    def _stage_name(self) -> str:
        is_gan = isinstance(self._stage, GanStage)
        return f"gan {len(self._finished) + 1}" if is_gan else "distill"

    def _next_stage(self) -> GanStage | DistillStage:
        config, number = self.config, len(self._finished)
        rng = seeded(config.seed, number)
        if number < config.gan.n_generators:
            source = self._source_of[number]
            turn = self._source_of[:number].count(source)
            return GanStage(self.people[source], config.gan, config.camera, rng, number=turn)
        device = "cuda" if config.use_gpu and torch.cuda.is_available() else "cpu"
        return DistillStage(
            self._corpus(),
            config.distill,
            config.camera,
            rng,
            device=device,
            n_threads=usable_cores(),
        )

    def _corpus(self) -> Corpus:
        """Lift each source's people by its own generators; all generators count alike."""
        lifted = [
            lift_corpus(self.people[source], generator)
            for source, (generator, _) in zip(self._source_of, self._finished, strict=True)
        ]
        return join_corpora(lifted)

    def _advance_stage(self) -> None:
        assert isinstance(self._stage, GanStage)
        self._finished.append((self._stage.generator, self._stage.discriminator))
        self._stage = self._next_stage()
        self._diagnostics = self._watch()

    def _stage_steps(self) -> Iterator[StepReport]:
        while self._stage.step < self._stage.n_steps:
            with bfloat16_products():
                losses = self._stage.advance()
            self._stop_if_not_finite(losses)
            report, done = self._check(losses), (self.step, self._stage.step, self.total_steps)
            yield StepReport(self._stage_name, *done, losses, report)
            self._stop_if_diverged()

    def _watch(self) -> GanDiagnostics | None:
        if isinstance(self._stage, GanStage):
            return GanDiagnostics(self._stage, self.config.diagnostics, seed=self.config.seed)
        return None

    def _check(self, losses: dict[str, float]) -> DiagnosticsReport | None:
        if self._diagnostics is None or not isinstance(self._stage, GanStage):
            return None
        return self._diagnostics.after_step(self._stage, losses)

    def _stop_if_diverged(self) -> None:
        if self._diagnostics and (reason := self._diagnostics.divergence()):
            raise TrainingDivergedError(f"stopped in {self._place}: {reason}")

    def _stop_if_not_finite(self, losses: dict[str, float]) -> None:
        broken = [name for name, loss in losses.items() if not math.isfinite(loss)]
        if broken:
            rate = "gan" if isinstance(self._stage, GanStage) else "distill"
            raise TrainingDivergedError(
                f"stopped in {self._place}: the {broken[0].replace('_', ' ')} is no longer a "
                f"finite number; lower {rate}.learning_rate and train again",
                hopeless=True,
            )

    @property
    def _place(self) -> str:
        return f"{self._stage_name} at step {self._stage.step} of {self._stage.n_steps}"

    def _restore(self, checkpoint: Checkpoint) -> None:
        values, tensors = checkpoint.values, checkpoint.tensors
        if values["poses_digest"] != self._poses_digest:
            raise InputError("the checkpoint was made from other poses; start a new training")
        if values["config"] != deciding_settings(self.config):
            raise InputError("the checkpoint was made with another config; start a new training")
        for number in range(values["finished"]):
            assert isinstance(self._stage, GanStage)
            self._stage.generator.load_state_dict(unpacked(f"generator{number}", tensors))
            self._stage.discriminator.load_state_dict(unpacked(f"discriminator{number}", tensors))
            self._advance_stage()
        self._stage.restore(values["stage_step"], unpacked("stage", tensors))
        if self._diagnostics and values.get("diagnostics"):
            self._diagnostics.restore(values["diagnostics"])


def allocate_generators(n: int, sizes: Sequence[int]) -> list[int]:
    """Share n generators out among sources by their sizes, at least one to each.

    Returns:
        The source of each generator, in order.

    Raises:
        ValueError: If there are more sources than generators.
    """
    if n < len(sizes):
        raise ValueError(f"{n} generators are too few for {len(sizes)} sources")
    shares = [1] * len(sizes)
    while sum(shares) < n:  # to whoever has most people for a generator
        neediest = max(range(len(sizes)), key=lambda source: sizes[source] / shares[source])
        shares[neediest] += 1
    return [source for source, share in enumerate(shares) for _ in range(share)]


def _digest(poses: Float[np.ndarray, "pose 15 3"], counts: Sequence[int]) -> str:
    split = json.dumps([*counts]).encode() if len(counts) > 1 else b""
    return hashlib.sha256(np.ascontiguousarray(poses).tobytes() + split).hexdigest()


def deciding_settings(config: TrainConfig) -> dict[str, Any]:
    """Return the settings that decide a result, as they come back from a file.

    Limits of the diagnostics are not among them, nor the device: a training may go on under other
    limits and on another machine.
    """
    table = dict(json.loads(json.dumps(config_table(config))))
    del table["diagnostics"], table["use_gpu"]
    return table
