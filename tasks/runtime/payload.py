"""Handing tasks the names of a million images, which Prefect would otherwise look at one by one."""

import pickle
import zlib
from typing import Any, TypeVar, cast

from prefect.cache_policies import NO_CACHE
from prefect.utilities.annotations import quote

from pose_lib.extract.plan import Shard

T = TypeVar("T")

UNHASHED: dict[str, Any] = {"cache_policy": NO_CACHE}
"""Task options: no hash of all parameters, written as JSON, by which to keep the result. The
keypoint store knows what is done."""


def opaque(value: T) -> T:
    """Hand a value to a task that is called directly, without a search for futures in all of it.

    The search takes 4 microseconds and 100 bytes for each text. Not for tasks that are submitted:
    Prefect's mark does not outlast pickling, see `CompressedShard`.
    """
    return cast(T, quote(value))


class CompressedShard:
    """A shard on its way to a worker, in a quarter of the memory.

    Prefect looks for futures in lists, mappings and data classes, and in no other object.
    """

    def __init__(self, shard: Shard) -> None:
        self.n_images = len(shard.names)
        self._title = str(shard)
        self._content = zlib.compress(pickle.dumps(shard), level=1)

    def __str__(self) -> str:
        return self._title

    def unpacked(self) -> Shard:
        """Return the shard."""
        shard = pickle.loads(zlib.decompress(self._content))  # noqa: S301 - of this very run
        assert isinstance(shard, Shard)
        return shard
