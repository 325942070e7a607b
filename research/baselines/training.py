"""How long a method may train, and what it hands back."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

Lift = Callable[[np.ndarray], np.ndarray]
"""2D ``BODY_15`` (pose, 15, 3) in pixels with confidence to 3D (pose, 15, 3) of any unit."""

PUBLISHED, SAME = "published", "same"
WIDTH_IN_SAME_TIME = 256
_FASTER_IN_SAME_TIME = 2.5


@dataclass(frozen=True)
class Budget:
    """The method's own number of steps and width, or a given time for everybody.

    Attributes:
        seconds: Of one core, as the process spends them, so that other processes do not matter;
            None for the published settings.
    """

    seconds: float | None = None

    @property
    def name(self) -> str:
        return PUBLISHED if self.seconds is None else SAME

    def steps(self, published: int) -> Iterator[float]:
        """Yield before each step the share of the training that is done, 0 to 1."""
        if self.seconds is None:
            yield from (step / published for step in range(published))
            return
        start = time.process_time()
        while (share := (time.process_time() - start) / self.seconds) < 1:
            yield share

    def decay(self, share: float, *, epochs: int, per_epoch: float) -> float:
        """Return the learning rate over the published one.

        In a given time there are fewer steps, so they begin larger and fall along a cosine.
        """
        if self.seconds is None:
            return per_epoch ** (epochs * share)
        return _FASTER_IN_SAME_TIME * 0.5 * (1 + math.cos(math.pi * share))

    def part(self, share: float) -> "Budget":
        """Return the budget of one phase of a training."""
        return self if self.seconds is None else Budget(share * self.seconds)

    def width(self, published: int) -> int:
        """Return how wide networks are: in minutes, a narrow one learns more than a wide one."""
        return published if self.seconds is None else WIDTH_IN_SAME_TIME


class Curve:
    """Losses over a training, averaged over each tenth of it.

    Attributes:
        steps: Of all phases of the training.
    """

    def __init__(self) -> None:
        self.steps = 0
        self._tenths: dict[str, list[list[float]]] = {}

    def add(self, share: float, losses: dict[str, float]) -> None:
        """Add one step's losses, ``share`` of their phase being done."""
        self.steps += 1
        for name, value in losses.items():
            tenths = self._tenths.setdefault(name, [[] for _ in range(10)])
            tenths[min(int(10 * share), 9)].append(value)

    def means(self) -> dict[str, list[float]]:
        """Return each loss's means; a tenth without a step is left out."""
        return {
            name: [round(sum(tenth) / len(tenth), 4) for tenth in tenths if tenth]
            for name, tenths in self._tenths.items()
        }


@dataclass(frozen=True)
class Trained:
    """A method that has learned.

    Attributes:
        lift: Whole or incomplete people to 3D; never NaN.
        curve: How the losses went; empty where nothing was trained.
        lift_conditioned: The same lifter, conditioned on bone-length ratios measured on the 2D
            that it is given; None where that changes nothing.
    """

    lift: Lift
    curve: Curve = field(default_factory=Curve)
    lift_conditioned: Lift | None = None
