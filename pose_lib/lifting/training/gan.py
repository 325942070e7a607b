"""The GAN: a generator lifts 2D people so that new views of them look like real 2D people.

Source: Kudo et al. 2018, arXiv:1803.08244, for random views before a discriminator; the bounded
depth of canonical bones, the realistic camera and the flexion loss make it work on photographs.
"""

import copy
import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from pose_lib.lifting.bones import (
    BONE_KIND,
    KINDS,
    bone_indices,
    bone_vectors,
    estimate_scale,
    joints_of,
)
from pose_lib.lifting.networks import Discriminator, Generator
from pose_lib.lifting.training.camera import projected, seen_from_elsewhere
from pose_lib.lifting.training.canonical_people import NormalizedPoses
from pose_lib.lifting.training.config import CameraConfig, GanConfig
from pose_lib.lifting.training.tensor_state import (
    Tensors,
    optimizer_tensors,
    packed,
    restore_optimizer,
    unpacked,
)

_BODY_STD = 0.04
_WARM_UP = 100
_ELBOW_WEIGHT = 0.3  # an elbow's bend also depends on how the arm is twisted


class GanStage:
    """One generator and its discriminators while they train.

    ``generator`` is the exponential moving average of ``online``, the generator that is optimized.
    """

    def __init__(
        self,
        people: NormalizedPoses,
        config: GanConfig,
        camera: CameraConfig,
        rng: torch.Generator,
        *,
        number: int = 0,
    ) -> None:
        """Prepare to train.

        Args:
            number: Of this generator among those of its source; decides which of the
                config's cycle weights it takes.
        """
        self._cycle_weight = config.cycle_weights[number % len(config.cycle_weights)]
        self.people = people if config.balance_azimuth else people.as_photographed()
        self.config, self.camera, self.rng = config, camera, rng
        self.step, self.n_steps = 0, config.steps
        self.online = Generator(config.width, rng)
        self.generator = copy.deepcopy(self.online).requires_grad_(False)
        self.discriminator = Discriminator(people.table, config.width, rng)
        self._online_adam = _adam(self.online)
        self._discriminator_adam = _adam(self.discriminator)

    def advance(self) -> dict[str, float]:
        """Train one step; return its losses."""
        rate = self.config.learning_rate * _rate(self.step, self.n_steps)
        bones = self.people.draw(self.config.batch, self.rng)
        lifted = torch.cat([bones, self.online(bones)[..., None]], dim=-1)
        view = new_view(lifted, self.people.table, self.camera, self.rng)
        noisy_view = self._noisy(view[..., :2])

        losses = self._train_discriminator(noisy_view.detach(), rate)
        losses |= self._train_generator(lifted, view, noisy_view, rate)
        self._average()
        self.step += 1
        return losses

    def tensors(self) -> Tensors:
        """Everything that the next step depends on."""
        return {
            **packed("online", self.online.state_dict()),
            **packed("generator", self.generator.state_dict()),
            **packed("discriminator", self.discriminator.state_dict()),
            **packed("online_adam", optimizer_tensors(self._online_adam)),
            **packed("discriminator_adam", optimizer_tensors(self._discriminator_adam)),
            "rng": self.rng.get_state(),
        }

    def restore(self, step: int, tensors: Tensors) -> None:
        """Continue where ``tensors()`` was taken."""
        self.step = step
        self.online.load_state_dict(unpacked("online", tensors))
        self.generator.load_state_dict(unpacked("generator", tensors))
        self.discriminator.load_state_dict(unpacked("discriminator", tensors))
        restore_optimizer(self._online_adam, unpacked("online_adam", tensors))
        restore_optimizer(self._discriminator_adam, unpacked("discriminator_adam", tensors))
        self.rng.set_state(tensors["rng"])

    def _train_discriminator(
        self, view: Float[Tensor, "pose 12 2"], rate: float
    ) -> dict[str, float]:
        real = self._noisy(self.people.draw(self.config.batch, self.rng))
        penalized = self.config.r1_weight > 0 and self.step % self.config.r1_every == 0
        real.requires_grad_(penalized)
        on_real, on_view = self.discriminator(real), self.discriminator(view)
        loss = self._part_sum(functional.softplus(-on_real) + functional.softplus(on_view))
        unpenalized = loss.item()
        if penalized:
            weight = self.config.r1_weight * self.config.r1_every
            loss = loss + weight * _gradient_penalty(on_real, real)
        _descend(self._discriminator_adam, loss, rate)
        correct = torch.cat([on_real[:, 0] > 0, on_view[:, 0] < 0]).float().mean()
        return {"discriminator_loss": unpenalized, "discriminator_accuracy": correct.item()}

    def _train_generator(
        self,
        lifted: Float[Tensor, "pose 12 3"],
        view: Float[Tensor, "pose 12 3"],
        noisy_view: Float[Tensor, "pose 12 2"],
        rate: float,
    ) -> dict[str, float]:
        adversarial = self._part_sum(functional.softplus(-self.discriminator(noisy_view)))
        flexion = flexion_loss(lifted)
        # The gradient stops at the rotated pose: else flat poses, the easiest to lift again, win.
        cycle = cycle_loss(self.online(noisy_view.detach()), view[..., 2].detach())
        ramp = min(1.0, self.step / self.config.cycle_warmup_steps)
        loss = (
            adversarial + self.config.flexion_weight * flexion + self._cycle_weight * ramp * cycle
        )
        _descend(self._online_adam, loss, rate)
        return {
            "generator_loss": adversarial.item(),
            "flexion_loss": flexion.item(),
            "cycle_loss": cycle.item(),
        }

    def _part_sum(self, losses: Float[Tensor, "pose part"]) -> Float[Tensor, ""]:
        return (losses * torch.tensor(self.config.part_weights)).sum(1).mean()

    def _noisy(self, bones: Float[Tensor, "pose 12 2"]) -> Float[Tensor, "pose 12 2"]:
        return bones + self.config.instance_noise_std * torch.randn(bones.shape, generator=self.rng)

    def _average(self) -> None:
        decay = min(self.config.ema_decay, (self.step + 1) / (self.step + 20))
        with torch.no_grad():
            pairs = zip(self.generator.parameters(), self.online.parameters(), strict=True)
            for average, latest in pairs:
                average.mul_(decay).add_(latest, alpha=1 - decay)


def new_view(
    lifted: Float[Tensor, "pose 12 3"],
    table: Float[Tensor, "12"],
    camera: CameraConfig,
    rng: torch.Generator,
) -> Float[Tensor, "pose 12 3"]:
    """Photograph lifted people from somewhere else and normalize the picture again.

    Returns:
        Canonical bones of the picture, and in the third column the depth that lifting it should
        give.
    """
    variation = 1 + _BODY_STD * torch.randn(len(lifted), len(KINDS), generator=rng)
    lengths = table * variation[:, BONE_KIND]
    joints = joints_of(seen_from_elsewhere(lifted, camera, rng) * lengths[..., None])
    flat = bone_vectors(projected(joints, camera, rng))
    depth = bone_vectors(joints)[..., 2:]
    size = estimate_scale(flat.norm(dim=-1), table[None], longest=3)
    return torch.cat([flat, depth], dim=-1) / (size[:, None] * table)[..., None]


def flexion_loss(bones: Float[Tensor, "pose 12 3"]) -> Float[Tensor, ""]:
    """Return how far knees and elbows bend the way that no joint can; zero is possible.

    This alone decides front from back: in a mirrored pose all knees bend forward.
    """
    loss = bones.new_zeros(())
    for weight, bend in _wrong_bends(bones):
        loss = loss + weight * bend.mean()
    return loss


def wrong_bend(bones: Float[Tensor, "pose 12 3"]) -> Float[Tensor, "pose"]:
    """Return how far each pose's knees and elbows bend the way that no joint can."""
    return torch.stack([weight * bend for weight, bend in _wrong_bends(bones)]).sum(0)


def _wrong_bends(
    bones: Float[Tensor, "pose 12 3"],
) -> Iterator[tuple[float, Float[Tensor, "pose"]]]:
    """Yield the weight of each knee and elbow, and how far it bends the wrong way."""
    axes = bones[:, bone_indices("hip_axis", "shoulder_axis")]
    to_right = functional.normalize(axes.sum(1), dim=-1)
    for upper, lower, direction, weight in (
        ("thigh", "shin", 1.0, 1.0),
        ("upper_arm", "forearm", -1.0, _ELBOW_WEIGHT),
    ):
        for side in ("right", "left"):
            pair = bones[:, bone_indices(f"{side}_{upper}", f"{side}_{lower}")]
            bend = torch.linalg.cross(pair[:, 0], pair[:, 1])
            yield weight, (direction * (bend * to_right).sum(-1)).relu()


def cycle_loss(
    depth: Float[Tensor, "pose 12"], wanted: Float[Tensor, "pose 12"]
) -> Float[Tensor, ""]:
    """Return the distance between the depth lifted from a new view and the depth of its pose."""
    loss = functional.smooth_l1_loss(depth, wanted, beta=0.1, reduction="none")
    return loss.sum(1).mean()


def _gradient_penalty(
    logits: Float[Tensor, "pose part"], inputs: Float[Tensor, "pose 12 2"]
) -> Float[Tensor, ""]:
    """Source: Mescheder et al. 2018, arXiv:1801.04406, R1."""
    (gradient,) = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
    return 0.5 * gradient.square().sum(dim=(1, 2)).mean()


def _adam(network: torch.nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), lr=0.0, betas=(0.0, 0.99))


def _descend(optimizer: torch.optim.Optimizer, loss: Float[Tensor, ""], rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _rate(step: int, n_steps: int) -> float:
    """Share of the learning rate: a short warm-up, then a cosine down to a twentieth."""
    cosine = 0.5 * (1 + math.cos(math.pi * step / n_steps))
    return min(1.0, (step + 1) / _WARM_UP) * (0.05 + 0.95 * cosine)
