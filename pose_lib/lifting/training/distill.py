"""Distillation: the student, which is the final lifter, trained on synthetic pairs."""

import copy
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pose_lib.lifting.bones import AVERAGE_LENGTHS
from pose_lib.lifting.lifter_input import LifterInput, normalized
from pose_lib.lifting.networks import RADIUS_SHARES, Regressor
from pose_lib.lifting.training.alignment import aligned_distances
from pose_lib.lifting.training.config import CameraConfig, DistillConfig
from pose_lib.lifting.training.muon import Muon
from pose_lib.lifting.training.synthesis import Corpus, photograph
from pose_lib.lifting.training.tensor_state import (
    Tensors,
    optimizer_tensors,
    packed,
    restore_optimizer,
    seeded,
    unpacked,
)
from pose_lib.skeleton import BODY_15

_MIN_PART = 1024  # people; with fewer to a thread, Python takes too much of the time

_WARM_UP = 100
_MEASURED_ON = 8192  # people
_MEASURING_SEED = 8192  # of no training
_MOVABLE = [joint != "pelvis" for joint in BODY_15.joints]  # there poses are put: never wrong


@dataclass(frozen=True)
class _PartResult:
    """Gradients and losses of one part of a step's batch.

    Attributes:
        gradients: Of the regressor's parameters, in their order; those of all parts add up.
        losses: By name; they add up, too.
    """

    gradients: tuple[Tensor, ...]
    losses: dict[str, float]


class DistillStage:
    """The student while it trains."""

    def __init__(
        self,
        corpus: Corpus,
        config: DistillConfig,
        camera: CameraConfig,
        rng: torch.Generator,
        *,
        device: str = "cpu",
        n_threads: int = 1,
    ) -> None:
        """Prepare to train.

        Args:
            device: Where the regressor learns; its people are made on the CPU, wherever it is.
            n_threads: That learn side by side; how many changes no result.
        """
        self.corpus, self.config, self.camera = corpus, config, camera
        self.step, self.n_steps, self.device = 0, config.steps, device
        self.regressor = Regressor(AVERAGE_LENGTHS, config.width, rng).to(device)
        hidden = self.regressor.hidden_weights
        others = [weight for weight in self.regressor.parameters() if weight not in set(hidden)]
        self._muon = Muon(hidden)
        self._adam = torch.optim.Adam(others, lr=0.0)
        self._first_seed = int(torch.randint(1 << 32, (), generator=rng))
        self._sizes = _part_sizes(config.batch)
        self._pool = ThreadPoolExecutor(min(n_threads, len(self._sizes)), "distill")

    def advance(self) -> dict[str, float]:
        """Train one step; return its losses."""
        parts = list(self._pool.map(self._learn_from, range(len(self._sizes))))
        for weight, *gradients in zip(
            self.regressor.parameters(), *(part.gradients for part in parts), strict=True
        ):
            weight.grad = torch.stack(gradients).sum(0)
        self._descend(_rate(self.step, self.n_steps))
        self.step += 1
        return {name: sum(part.losses[name] for part in parts) for name in parts[0].losses}

    def _learn_from(self, part: int) -> _PartResult:
        """Learn from one part of the step's people, while other threads do from others."""
        seen, wanted, usable = self._photographed(part)
        lifted, uncertainty = self.regressor(seen)
        distance = (lifted - wanted).norm(dim=-1)
        error = mean_over(usable, distance)
        pa_error = mean_over(usable, aligned_distances(lifted, wanted))
        uncertainty_loss = mean_over(usable, exponential_nll(distance.detach(), uncertainty))

        share = self._sizes[part] / self.config.batch
        loss = share * (error + self.config.pa_loss_weight * pa_error + uncertainty_loss)
        gradients = torch.autograd.grad(loss, list(self.regressor.parameters()))
        losses = {"joint_error": error, "pa_error": pa_error, "uncertainty_loss": uncertainty_loss}
        return _PartResult(gradients, {name: share * loss.item() for name, loss in losses.items()})

    def _photographed(
        self, part: int
    ) -> tuple[LifterInput, Float[Tensor, "pose 15 3"], Bool[Tensor, "pose"]]:
        """Make one part of the step's people.

        Returns:
            The input, the target joints, and who shows any bone.
        """
        seed = self._first_seed + self.step * len(self._sizes) + part
        rng, n = torch.Generator().manual_seed(seed), self._sizes[part]
        seen, joints = photograph(self.corpus, n, self.config, self.camera, rng)
        seen, size = normalized(seen, AVERAGE_LENGTHS)
        wanted = joints / size.clamp_min(1e-9)[:, None, None]
        return seen.to(self.device), wanted.to(self.device), (size > 0).to(self.device)

    @torch.no_grad()
    def measured_regressor(self) -> Regressor:
        """Return a copy of the regressor that knows how its uncertainty relates to real distances.

        That is measured on new views of the corpus, the same each time.
        """
        regressor = copy.deepcopy(self.regressor).cpu()
        people, joints = photograph(
            self.corpus, _MEASURED_ON, self.config, self.camera, seeded(_MEASURING_SEED, 0)
        )
        seen, size = normalized(people, AVERAGE_LENGTHS)
        usable = size > 0
        lifted, uncertainty = regressor(seen)
        distance = (lifted - joints / size.clamp_min(1e-9)[:, None, None]).norm(dim=-1)
        ratio = (distance / uncertainty)[usable][:, _MOVABLE].flatten()
        regressor.radii.copy_(ratio.quantile(torch.tensor(RADIUS_SHARES)))
        return regressor

    def tensors(self) -> Tensors:
        """Everything that the next step depends on."""
        return {
            **packed("regressor", self.regressor.state_dict()),
            **packed("adam", optimizer_tensors(self._adam)),
            "muon": self._muon.momentum.cpu(),
        }

    def restore(self, step: int, tensors: Tensors) -> None:
        """Continue where ``tensors()`` was taken."""
        self.step = step
        self.regressor.load_state_dict(unpacked("regressor", tensors))
        restore_optimizer(self._adam, unpacked("adam", tensors))
        self._muon.momentum = tensors["muon"].to(self.device)

    def _descend(self, share: float) -> None:
        for group in self._adam.param_groups:
            group["lr"] = share * self.config.learning_rate
        self._adam.step()
        self._muon.step(share * self.config.muon_learning_rate, self._pool)


def _part_sizes(batch: int) -> list[int]:
    n_parts = max(batch // _MIN_PART, 1)
    return [batch // n_parts + (part < batch % n_parts) for part in range(n_parts)]


def exponential_nll(
    distance: Float[Tensor, "pose joint"], uncertainty: Float[Tensor, "pose joint"]
) -> Float[Tensor, "pose joint"]:
    """Return the negative log-likelihood of distances, exponentially distributed around zero.

    It is least where the uncertainty is the mean distance.
    """
    return uncertainty.log() + distance / uncertainty


def mean_over(
    usable: Bool[Tensor, "pose"], values: Float[Tensor, "pose joint"]
) -> Float[Tensor, ""]:
    """Return the mean over usable poses; the others must not even enter the gradient."""
    return torch.where(usable, values.mean(dim=1), 0).sum() / usable.sum().clamp_min(1)


def _rate(step: int, n_steps: int) -> float:
    return min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / n_steps))
