"""What passes is tried again; bad input is not."""

import threading

import httpx
import pytest
from prefect import flow, task
from prefect.client.base import PrefectHttpxSyncClient
from prefect.client.orchestration import SyncPrefectClient
from s3_server import Outage

from pose_lib.errors import InputError
from pose_lib.files.locations import UnreachableError
from pose_lib.store.lock import LeaseLostError
from tasks.runtime.retries import (
    DELAYS,
    RETRY_OPTIONS,
    connect_with_retries,
    retry_while_unreachable,
)

AT_ONCE = RETRY_OPTIONS | {"retry_delay_seconds": 0}
ODD = RuntimeError("once in a blue moon")
REFUSED = httpx.ConnectError("All connection attempts failed")


def test_work_that_fails_twice_succeeds_at_the_third_try(api):
    assert _tries(ODD, failures=2) == 3


def test_work_that_always_fails_is_soon_given_up(api):
    assert _tries(ODD, failures=99, expected=RuntimeError) == 3


def test_a_server_that_is_away_is_waited_for_longer(api):
    assert _tries(REFUSED, failures=len(DELAYS)) == len(DELAYS) + 1


def test_a_patient_function_waits_for_a_server_and_for_nothing_else(monkeypatch):
    waits = []
    monkeypatch.setattr("tasks.runtime.retries.time.sleep", waits.append)
    answers = iter([REFUSED, OSError("reset"), UnreachableError("no answer"), "here"])
    assert retry_while_unreachable(_answer)(answers) == "here"
    assert waits == list(DELAYS[:3])
    with pytest.raises(RuntimeError, match="blue moon"):
        retry_while_unreachable(_answer)(iter([ODD]))
    with pytest.raises(httpx.ConnectError):
        retry_while_unreachable(_answer)(iter([REFUSED] * 99))


def test_a_new_client_of_a_worker_waits_for_a_server_that_is_started_again(api, monkeypatch):
    monkeypatch.setattr(PrefectHttpxSyncClient, "_has_connected", None, raising=False)  # put back
    connect_with_retries()
    way = Outage(api.removesuffix("/api"))
    way.begin()
    with pytest.raises(httpx.ConnectError):
        httpx.get(way.url)
    with SyncPrefectClient(f"{way.url}/api") as client:
        threading.Timer(3.0, way.end).start()  # by itself it would try for 1.5 s
        assert client.hello().is_success


def _answer(answers):
    if isinstance(answer := next(answers), Exception):
        raise answer
    return answer


@pytest.mark.parametrize("kind", [InputError, LeaseLostError])
def test_bad_input_and_a_lost_store_are_not_tried_again(api, kind):
    assert _tries(kind("no such folder"), failures=1, expected=kind) == 1


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
