"""Stage 2: the lifter that ships, trained on photographs of what the generators lifted."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from pose_lib.lifting.config import CameraConfig, RefineConfig
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
_STEEPEST = 1.0  # norm that gradients are clipped to


class RefineStage:
    """The regressor while it trains."""

    def __init__(
        self, corpus: Corpus, config: RefineConfig, camera: CameraConfig, rng: torch.Generator
    ) -> None:
        self.corpus, self.config, self.camera, self.rng = corpus, config, camera, rng
        self.step, self.n_steps = 0, config.steps
        self.regressor = Regressor(corpus.table, config.width, rng)
        self._adam = torch.optim.Adam(self.regressor.parameters(), lr=0.0)

    def advance(self) -> dict[str, float]:
        """Train one step; return its loss."""
        config = self.config
        seen, joints = photograph(self.corpus, config.batch, config, self.camera, self.rng)
        seen, size = normalized(seen, self.corpus.table)
        usable = size > 0
        wanted = joints / size.clamp_min(1e-9)[:, None, None]
        loss = joint_error(self.regressor(seen), wanted, usable)

        for group in self._adam.param_groups:
            group["lr"] = config.learning_rate * _rate(self.step, self.n_steps)
        self._adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.regressor.parameters(), _STEEPEST)
        self._adam.step()
        self.step += 1
        return {"joint_error": loss.item()}

    def tensors(self) -> Tensors:
        """Everything that the next step depends on."""
        return {
            **packed("regressor", self.regressor.state_dict()),
            **packed("adam", optimizer_tensors(self._adam)),
            "rng": self.rng.get_state(),
        }

    def restore(self, step: int, tensors: Tensors) -> None:
        """Continue where ``tensors()`` was taken."""
        self.step = step
        self.regressor.load_state_dict(unpacked("regressor", tensors))
        restore_optimizer(self._adam, unpacked("adam", tensors))
        self.rng.set_state(tensors["rng"])


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
