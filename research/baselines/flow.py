"""Normalizing flows: how likely a 2D pose is among those of the training people.

Source: Dinh et al. 2017, "Density estimation using Real NVP", arXiv:1605.08803, for affine
coupling; Kingma and Dhariwal 2018, "Glow", arXiv:1807.03039, for mixing between the couplings.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

BLOCKS = 8
SUBNET_WIDTH = 1024
_STRONGEST = 1.0  # logarithm of the largest factor of one coupling


class Coupling(nn.Module):
    """Mix all numbers by a fixed rotation; scale and move one half as the other half says."""

    rotation: Tensor

    def __init__(self, n: int, width: int) -> None:
        super().__init__()
        self.register_buffer("rotation", torch.linalg.qr(torch.randn(n, n)).Q)
        self.kept = n // 2
        moved = n - self.kept
        self.subnet = nn.Sequential(
            nn.Linear(self.kept, width), nn.ReLU(), nn.Linear(width, 2 * moved)
        )
        nn.init.zeros_(self.subnet[-1].weight)  # begins as the rotation alone
        nn.init.zeros_(self.subnet[-1].bias)

    def forward(self, x):
        kept, moved = (x @ self.rotation).tensor_split([self.kept], dim=1)
        log_scale, shift = self._change(kept)
        changed = torch.cat([kept, moved * log_scale.exp() + shift], dim=1)
        return changed, log_scale.sum(1)

    def inverse(self, y):
        kept, moved = y.tensor_split([self.kept], dim=1)
        log_scale, shift = self._change(kept)
        return torch.cat([kept, (moved - shift) * (-log_scale).exp()], dim=1) @ self.rotation.T

    def _change(self, kept):
        log_scale, shift = self.subnet(kept).chunk(2, dim=1)
        return _STRONGEST * torch.tanh(log_scale / _STRONGEST), shift


class Flow(nn.Module):
    """An invertible way from poses, written in a linear basis, to a normal distribution."""

    mean: Tensor
    basis: Tensor

    def __init__(
        self, mean: Float[Tensor, "n"], basis: Float[Tensor, "n latent"], width: int = SUBNET_WIDTH
    ) -> None:
        """Prepare an untrained flow.

        Args:
            mean: Subtracted from the poses first.
            basis: Multiplied next; a latent fewer than n leaves out what matters little.
        """
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("basis", basis)
        self.couplings = nn.ModuleList(Coupling(basis.shape[1], width) for _ in range(BLOCKS))

    def forward(
        self, x: Float[Tensor, "pose n"]
    ) -> tuple[Float[Tensor, "pose latent"], Float[Tensor, "pose"]]:
        """Return the latent and the logarithm of the volume's change after the basis."""
        latent, log_volume = (x - self.mean) @ self.basis, x.new_zeros(len(x))
        for coupling in self.couplings:
            latent, change = coupling(latent)
            log_volume = log_volume + change
        return latent, log_volume

    def inverse(self, latent: Float[Tensor, "pose latent"]) -> Float[Tensor, "pose n"]:
        for coupling in reversed(self.couplings):
            latent = coupling.inverse(latent)
        return latent @ torch.linalg.pinv(self.basis) + self.mean

    def surprise(self, x: Float[Tensor, "pose n"]) -> Float[Tensor, "pose"]:
        """Return the negative log-likelihood, but for a constant."""
        latent, log_volume = self(x)
        return 0.5 * latent.square().sum(1) - log_volume


def principal_basis(
    x: Float[Tensor, "pose n"], latent: int
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n latent"]]:
    """Return the mean and the foremost principal axes, scaled to unit variance."""
    mean = x.mean(0)
    _, spread, axes = torch.linalg.svd(x - mean, full_matrices=False)
    return mean, axes[:latent].T * (len(x) ** 0.5 / spread[:latent])


def plain_basis(x: Float[Tensor, "pose n"]) -> tuple[Float[Tensor, "n"], Float[Tensor, "n n"]]:
    """Return the mean and each number on its own, scaled to unit variance."""
    return x.mean(0), torch.diag(1 / x.std(0))
