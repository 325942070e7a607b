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
    """Cut the names, in sorted order, into slices whose lengths differ by one at most.

    Args:
        images_per_shard: The length aimed at; slices are longer where they would be too many, and
            shorter where some of the workers would have nothing to do at the end.
    """
    if min(images_per_shard, n_workers, max_shards) < 1:
        raise ValueError(
            f"images_per_shard {images_per_shard}, n_workers {n_workers} and max_shards "
            f"{max_shards} must be at least 1"
        )
    in_order = tuple(sorted(names))
    rounds = math.ceil(len(in_order) / (images_per_shard * n_workers))
    most = min(max_shards, SHARDS_PER_WORKER * n_workers)
    n_shards = min(rounds * n_workers, most, len(in_order))
    edges = [len(in_order) * index // n_shards for index in range(n_shards + 1)] if n_shards else []
    slices = itertools.pairwise(edges)
    return [Shard(index, in_order[start:stop]) for index, (start, stop) in enumerate(slices)]
