"""Stage 2: the lifter that ships, trained on photographs of what the generators lifted."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from pose_lib.lifting.bones import AVERAGE_LENGTHS
from pose_lib.lifting.config import CameraConfig, RefineConfig
from pose_lib.lifting.muon import Muon
from pose_lib.lifting.networks import Regressor
from pose_lib.lifting.observation import normalized
from pose_lib.lifting.state import (
    Tensors,
    optimizer_tensors,
    packed,
    restore_optimizer,
    unpacked,
)
from pose_lib.lifting.synthesis import Corpus, photograph

_WARM_UP = 100


class RefineStage:
    """The regressor while it trains."""

    def __init__(
        self, corpus: Corpus, config: RefineConfig, camera: CameraConfig, rng: torch.Generator
    ) -> None:
        self.corpus, self.config, self.camera, self.rng = corpus, config, camera, rng
        self.step, self.n_steps = 0, config.steps
        self.regressor = Regressor(AVERAGE_LENGTHS, config.width, rng)
        hidden = self.regressor.hidden_weights
        others = [weight for weight in self.regressor.parameters() if weight not in set(hidden)]
        self._muon = Muon(hidden)
        self._adam = torch.optim.Adam(others, lr=0.0)

    def advance(self) -> dict[str, float]:
        """Train one step; return its loss."""
        config = self.config
        seen, joints = photograph(self.corpus, config.batch, config, self.camera, self.rng)
        seen, size = normalized(seen, AVERAGE_LENGTHS)
        usable = size > 0
        wanted = joints / size.clamp_min(1e-9)[:, None, None]
        loss = joint_error(self.regressor(seen), wanted, usable)

        self.regressor.zero_grad()
        loss.backward()
        self._descend(_rate(self.step, self.n_steps))
        self.step += 1
        return {"joint_error": loss.item()}

    def tensors(self) -> Tensors:
        """Everything that the next step depends on."""
        return {
            **packed("regressor", self.regressor.state_dict()),
            **packed("adam", optimizer_tensors(self._adam)),
            "muon": self._muon.momentum,
            "rng": self.rng.get_state(),
        }

    def restore(self, step: int, tensors: Tensors) -> None:
        """Continue where ``tensors()`` was taken."""
        self.step = step
        self.regressor.load_state_dict(unpacked("regressor", tensors))
        restore_optimizer(self._adam, unpacked("adam", tensors))
        self._muon.momentum = tensors["muon"]
        self.rng.set_state(tensors["rng"])

    def _descend(self, share: float) -> None:
        for group in self._adam.param_groups:
            group["lr"] = share * self.config.learning_rate
        self._adam.step()
        self._muon.step(share * self.config.hidden_learning_rate)


def joint_error(
    joints: Float[Tensor, "pose 15 3"],
    wanted: Float[Tensor, "pose 15 3"],
    usable: Tensor,
) -> Float[Tensor, ""]:
    """Return the mean distance between joints, over usable poses."""
    distance = (joints - wanted).norm(dim=-1).mean(dim=1)
    return torch.where(usable, distance, 0).sum() / usable.sum().clamp_min(1)


def _rate(step: int, n_steps: int) -> float:
    return min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / n_steps))
