"""Handing tasks the names of a million images, which Prefect would otherwise look at one by one."""

from typing import Any, Generic, TypeVar, cast

from prefect.cache_policies import NO_CACHE
from prefect.utilities.annotations import quote

T = TypeVar("T")

UNHASHED: dict[str, Any] = {"cache_policy": NO_CACHE}
"""Task options: no hash of all parameters, written as JSON, by which to keep the result. The
keypoint store knows what is done."""


def unseen(value: T) -> T:
    """Hand a value to a task that is called directly, without a search for futures in all of it.

    The search takes 4 microseconds and 100 bytes for each text. Not for tasks that are submitted:
    Prefect's mark does not outlast pickling, see `Sealed`.
    """
    return cast(T, quote(value))


class Sealed(Generic[T]):
    """A value that goes to a submitted task in one piece.

    Prefect looks for futures in lists, mappings and data classes, and in no other object.
    """

    def __init__(self, value: T) -> None:
        self.value = value

    def __str__(self) -> str:
        return str(self.value)
