"""How signals end a command."""

import os
import signal
from contextlib import nullcontext

import pytest

from flows.session import _ended_like_ctrl_c


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("before", "outcome"),
    [
        (signal.SIG_DFL, pytest.raises(KeyboardInterrupt)),
        (signal.SIG_IGN, nullcontext()),  # as with nohup
    ],
)
def test_a_signal_ends_the_block_as_ctrl_c_does_unless_it_is_ignored(number, before, outcome):
    usual = signal.signal(number, before)
    try:
        with outcome, _ended_like_ctrl_c(number):
            os.kill(os.getpid(), number)
        assert signal.getsignal(number) == before
    finally:
        signal.signal(number, usual)
