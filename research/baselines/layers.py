"""The plain networks of ElePose and LInKs, and how their rates fall."""

import torch
from torch import nn
from torch.nn import functional

SLOPE = 0.01
_LONGEST_GRADIENT = 10.0


class Block(nn.Module):
    """Two dense layers beside a skip connection, without normalization."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, hidden):
        inner = functional.leaky_relu(self.first(hidden), SLOPE)
        return hidden + functional.leaky_relu(self.second(inner), SLOPE)


def blocks(width: int, n: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width) for _ in range(n)))


def near_zero(width: int, outputs: int) -> nn.Linear:
    """Return a last layer that begins with flat poses, as random depths mislead a lifter."""
    layer = nn.Linear(width, outputs)
    nn.init.normal_(layer.weight, std=0.02 / width**0.5)
    nn.init.zeros_(layer.bias)
    return layer


def descend(optimizer: torch.optim.Optimizer, loss: torch.Tensor, rate: float) -> None:
    optimizer.zero_grad()
    loss.backward()
    for group in optimizer.param_groups:
        group["lr"] = rate
        nn.utils.clip_grad_norm_(group["params"], _LONGEST_GRADIENT)
    optimizer.step()
