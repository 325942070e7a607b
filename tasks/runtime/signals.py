"""Ctrl-C, SIGTERM and a closed terminal wait for a good moment."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # not every system has all


@contextmanager
def deferred_signals() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C, SIGTERM and SIGHUP back for the block; they do what they do at its end.

    Who presses Ctrl-C a second time is not made to wait. What the process ignores, as with
    `nohup`, it still does. Outside the main thread, where Python
    has no signals, nothing is held back.

    Yields:
        What tells whether one came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    came: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        if came and callable(handler := before[number]):
            handler(number, frame)
        came.append(number)

    before = _handlers()
    for number in before:
        signal.signal(number, hold)
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


def _handlers() -> dict[int, Any]:
    """Return what the signals do now, without those that do nothing."""
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers}
    untouched = (signal.SIG_IGN, None)  # None: somebody else's, which Python could not put back
    return {number: does for number, does in handlers.items() if does not in untouched}
