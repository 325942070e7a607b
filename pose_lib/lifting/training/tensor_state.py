"""Networks, optimizers and random generators as named tensors, to save and to resume from."""

import torch
from torch import Tensor
from torch.optim import Optimizer

Tensors = dict[str, Tensor]


def packed(name: str, tensors: Tensors) -> Tensors:
    """Return copies of the tensors on the CPU, their names below ``name``."""
    return {
        f"{name}/{key}": tensor.detach().to("cpu", copy=True) for key, tensor in tensors.items()
    }


def unpacked(name: str, tensors: Tensors) -> Tensors:
    """Return the tensors whose names lie below ``name``, without that part of it."""
    prefix = f"{name}/"
    return {
        key.removeprefix(prefix): tensor
        for key, tensor in tensors.items()
        if key.startswith(prefix)
    }


def optimizer_tensors(optimizer: Optimizer) -> Tensors:
    """Return what an optimizer remembers of each parameter, by the parameter's number."""
    return {
        f"{parameter}/{key}": value
        for parameter, memory in optimizer.state_dict()["state"].items()
        for key, value in memory.items()
    }


def restore_optimizer(optimizer: Optimizer, tensors: Tensors) -> None:
    """Give an optimizer back what ``optimizer_tensors`` returned."""
    memory: dict[int, Tensors] = {}
    for name, tensor in tensors.items():
        parameter, key = name.split("/")
        memory.setdefault(int(parameter), {})[key] = tensor.clone()
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": memory, "param_groups": groups})


def seeded(seed: int, stream: int) -> torch.Generator:
    """Return a random generator of its own for each stream of a seed."""
    return torch.Generator().manual_seed((seed + 1) * 1_000_003 + stream)
