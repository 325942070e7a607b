"""What is tried again: anything that may pass by itself, and never bad input."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import httpx
from prefect.client.base import PrefectHttpxSyncClient
from prefect.client.schemas.objects import State, TaskRun

from pose_lib.errors import InputError
from pose_lib.files.locations import UnreachableError
from pose_lib.store.lock import LeaseLostError

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

DELAYS = (2, 2, 10, 30, 60)
"""Seconds before each new try. A server that is started again is back within one or two minutes."""

_TRIES_OF_ANYTHING = 2
"""New tries of what has nothing to do with a network: those after them would help no more."""


def may_pass(task: Any, run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's form
    """Tell whether the failure could be gone at the next try."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, InputError | LeaseLostError):
        return False
    return run.run_count <= _TRIES_OF_ANYTHING or is_unreachable(error)


RETRY_OPTIONS: dict[str, Any] = {
    "retries": len(DELAYS),
    "retry_delay_seconds": list(DELAYS),
    "retry_condition_fn": may_pass,
}
"""Task options for work that touches disks and networks."""


def is_unreachable(error: BaseException | None) -> bool:
    """Tell whether an error, or what it came from, says that a disk or a server is not there."""
    while error is not None:
        names = {kind.__name__ for kind in type(error).__mro__}
        if isinstance(error, _UNREACHABLE) or names & _OF_NETWORKS:
            return True
        error = error.__cause__
    return False


_UNREACHABLE = (OSError, httpx.TransportError, UnreachableError)

_OF_NETWORKS = {"ConnectionError", "HTTPClientError"}
"""Of botocore, which is not always there and has errors of its own."""


def connect_with_retries() -> None:
    """Have new Prefect clients of this process try again where a first connection is refused.

    Prefect does so with clients that were connected before. A worker makes one for each task, and
    would fail those that begin while the server is started again.
    """
    always = property(lambda _: True, lambda _, __: None)
    setattr(PrefectHttpxSyncClient, "_has_connected", always)  # noqa: B010 - Prefect's own secret


def retry_while_unreachable(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Have a function tried again while what it needs cannot be reached.

    For a few requests outside of tasks. Each new Prefect client gives up at once where its first
    connection is refused, as while a server is started again.
    """

    @wraps(function)
    def retried(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        for delay in DELAYS:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                if isinstance(error, InputError) or not is_unreachable(error):
                    raise
            time.sleep(delay)
        return function(*args, **kwargs)

    return retried
