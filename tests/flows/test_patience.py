"""What passes is tried again; bad input is not."""

import pytest
from prefect import flow, task

from pose_lib.errors import InputError
from tasks.patience import PATIENT

AT_ONCE = PATIENT | {"retry_delay_seconds": 0}


def test_work_that_fails_twice_succeeds_at_the_third_try(api):
    assert _tries(OSError("disk is busy"), failures=2) == 3


def test_work_that_always_fails_is_given_up(api):
    with pytest.raises(OSError, match="disk is busy"):
        _tries(OSError("disk is busy"), failures=99)


def test_bad_input_is_not_tried_again(api):
    assert _tries(InputError("no such folder"), failures=1, expected=InputError) == 1


def _tries(error, *, failures, expected=()):
    tries = []

    @task(**AT_ONCE)
    def work():
        tries.append(1)
        if len(tries) <= failures:
            raise error

    @flow
    def attempt():
        work()

    if expected:
        with pytest.raises(expected):
            attempt()
    else:
        attempt()
    return len(tries)
