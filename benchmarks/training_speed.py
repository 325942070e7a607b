"""How much faster stage 2 learns with several threads than with one.

    python -m benchmarks.training_speed --threads 1 2

In turns, on the same made-up people, with default settings. It needs as many cores that nobody
else uses; the ratio is that of the medians.
"""

import argparse
import time
from statistics import median

import torch
from torch.nn import functional

from pose_lib.lifting.bones import BONES
from pose_lib.lifting.training.arithmetic import bfloat16_products, use_one_thread
from pose_lib.lifting.training.config import TrainConfig
from pose_lib.lifting.training.distill import DistillStage
from pose_lib.lifting.training.synthesis import Corpus
from pose_lib.lifting.training.tensor_state import seeded

PEOPLE = 90_000  # as six generators make of MPII's


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50, help="of each round")
    options = parser.parse_args()
    use_one_thread()
    stages = {n: stage(n) for n in options.threads}
    seconds: dict[int, list[float]] = {n: [] for n in stages}
    for _ in range(options.rounds):
        for n, learning in stages.items():
            seconds[n].append(seconds_per_step(learning, options.steps))
    first = median(seconds[options.threads[0]])
    for n, times in seconds.items():
        low, middle, high = (f"{1e3 * t:.0f}" for t in (min(times), median(times), max(times)))
        ratio = median(times) / first
        print(f"{n} threads: {middle} ms a step ({low} to {high}), {ratio:.2f} of the first")


def stage(n_threads: int) -> DistillStage:
    rng, config = seeded(0, 0), TrainConfig()
    bones = functional.normalize(torch.randn(PEOPLE, len(BONES), 3, generator=rng), dim=-1)
    corpus = Corpus(bones, torch.full((PEOPLE,), 1 / PEOPLE))
    return DistillStage(corpus, config.distill, config.camera, rng, n_threads=n_threads)


def seconds_per_step(learning: DistillStage, n_steps: int) -> float:
    with bfloat16_products():
        learning.advance()
        start = time.perf_counter()
        for _ in range(n_steps):
            learning.advance()
        return (time.perf_counter() - start) / n_steps


if __name__ == "__main__":
    main()
