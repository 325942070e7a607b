"""How a long list of images is cut into units of work."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MAX_SHARDS = 100
SHARDS_PER_WORKER = 32
"""More tasks than these cost more in orchestration, 0.2 s each, than they bring in balance."""


@dataclass(frozen=True)
class Shard:
    """A fixed slice of the sorted image list: the unit of work.

    Attributes:
        index: Its place among the shards of this plan.
        names: The images in it, sorted.
        digests: Hash of each image's content as the run knows it; empty where nobody asks.
        tried: How often images were worked on in earlier runs, where they were.
        package_version: Of the program that made the plan; empty where any will do.
    """

    index: int
    names: tuple[str, ...]
    digests: tuple[str, ...] = ()
    tried: Mapping[str, int] = field(default_factory=dict)
    package_version: str = ""

    def __post_init__(self) -> None:
        if len(self.digests) not in (0, len(self.names)):
            raise ValueError(f"{len(self.digests)} digests for {len(self.names)} names")

    def __str__(self) -> str:
        return f"{self.index:03} of {len(self.names)} images"


def plan_shards(
    names: Sequence[str],
    *,
    images_per_shard: int,
    n_workers: int,
    max_shards: int = MAX_SHARDS,
) -> list[Shard]:
    """Cut the names, in sorted order, into slices; the last for each worker is half as long.

    At the end, workers then wait for each other for half a slice at most.

    Args:
        images_per_shard: The length that no slice exceeds unless there would be too many.
    """
    if min(images_per_shard, n_workers, max_shards) < 1:
        raise ValueError(
            f"images_per_shard {images_per_shard}, n_workers {n_workers} and max_shards "
            f"{max_shards} must be at least 1"
        )
    in_order = tuple(sorted(names))
    rounds = math.ceil(len(in_order) / (images_per_shard * n_workers) + 0.5)
    n_shards = min(rounds * n_workers, SHARDS_PER_WORKER * n_workers, max_shards)
    weights = [2] * max(n_shards - n_workers, 0) + [1] * min(n_shards, n_workers)
    ends = [len(in_order) * done // sum(weights) for done in itertools.accumulate(weights)]
    slices = [in_order[start:stop] for start, stop in itertools.pairwise([0, *ends])]
    return [Shard(index, names) for index, names in enumerate(filter(None, slices))]
