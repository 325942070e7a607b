"""Signals that wait for the end of a step."""

import signal

import pytest

from tasks.runtime.signals import deferred_signals


@pytest.fixture(autouse=True)
def _as_in_a_shell():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_ctrl_c_waits_for_the_end_of_the_block():
    reached = []
    with pytest.raises(KeyboardInterrupt):
        _press(1, reached)
    assert reached == [False, True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait():
    reached = []
    with pytest.raises(KeyboardInterrupt):
        _press(3, reached)
    assert reached == [False, True]


def test_what_is_ignored_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with deferred_signals() as interrupted:
        signal.raise_signal(signal.SIGHUP)
        assert not interrupted()


def test_an_undisturbed_block_ends_as_ever():
    with deferred_signals() as interrupted:
        pass
    assert not interrupted()


def _press(times, reached):
    """Press Ctrl-C in a block that holds it back; note before and after each whether one came."""
    with deferred_signals() as interrupted:
        reached.append(interrupted())
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
            reached.append(interrupted())
