"""How torch computes in a training: with one thread, and with products rounded to bfloat16."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def bfloat16_products() -> Iterator[None]:
    """Let products round to bfloat16 where the processor has it, which halves a training's time.

    Noise of that size does not hurt a training; lifting stays exact.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def use_one_thread() -> None:
    """Let torch compute with one thread in this process.

    Products this small gain nothing from more, and where other processes need the cores too,
    torch's threads, which compute while they wait for each other, make training up to 70 times
    slower. The student splits its batch over threads of its own, which do not.
    """
    torch.set_num_threads(1)
