"""Progress of a run, told to whoever listens: the command line draws bars from it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a stage of the run has come.

    Attributes:
        stage: What is being done, as shown to people.
        done: Finished pieces of ``total``.
        note: The latest figures, such as losses.
    """

    stage: str
    done: int
    total: int
    note: str = ""


Listener = Callable[[Progress], None]

_listeners: list[Listener] = []
_hearers: list[Callable[[str], None]] = []


def report_progress(stage: str, done: int, total: int, note: str = "") -> None:
    """Tell all listeners of this process how far a stage has come."""
    for listener in _listeners:
        listener(Progress(stage, done, total, note))


def tell(line: str) -> None:
    """Tell people something that is no progress: a line on the terminal, and in the run's log."""
    from prefect.exceptions import MissingContextError  # heavy, and the command line is quick
    from prefect.logging import get_run_logger

    with suppress(MissingContextError):
        get_run_logger().warning(line)
    for hear in _hearers:
        hear(line)


@contextmanager
def lines_to(hear: Callable[[str], None]) -> Iterator[None]:
    """Call ``hear`` with every line told inside the block."""
    _hearers.append(hear)
    try:
        yield
    finally:
        _hearers.remove(hear)


@contextmanager
def progress_to(listener: Listener) -> Iterator[None]:
    """Call ``listener`` with every report made inside the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
