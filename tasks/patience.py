"""What is tried again: anything that may pass by itself, and never bad input."""

from typing import Any

from prefect.client.schemas.objects import State, TaskRun

from pose_lib.errors import InputError


def may_pass(task: Any, run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001 - Prefect's form
    """Tell whether the failure could be gone at the next try."""
    return not isinstance(state.result(raise_on_failure=False), InputError)


PATIENT: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": 2,
    "retry_condition_fn": may_pass,
}
"""Task options for work that touches disks and networks."""
