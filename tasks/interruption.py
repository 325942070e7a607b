"""Ctrl-C and SIGTERM wait for a good moment."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_signals() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C and SIGTERM back for the block; they do what they do at its end.

    Who presses Ctrl-C a second time is not made to wait. Outside the main thread, where Python
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

    before: dict[int, Any] = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, hold)
    try:
        yield lambda: bool(came)
    finally:
        for number in _SIGNALS:
            signal.signal(number, before[number])
    if came:
        signal.raise_signal(came[0])
