"""Laws of the work on a shard: whoever dies at it, nothing is lost, doubled or torn."""

import random
import signal
import threading
import time
from dataclasses import replace

import pytest
from made_up_shard import (
    FORKING,
    POISON,
    PROVENANCE,
    assert_found_in_all,
    kill_at_work,
    made_up_picture,
    work_on,
)

from pose_lib.errors import InputError
from pose_lib.extract.shard import BatchSizer
from pose_lib.files.locations import UnreachableError
from pose_lib.keypoints import ImageStatus
from pose_lib.store import finished, open_store, publish, read_keypoints, read_ledger, remake_store
from pose_lib.store.batches import (
    batch_names,
    begin_batch,
    begun_digests,
    read_batch,
    shard_key,
)

NAMES = tuple(f"{number:02}.jpg" for number in range(18))
KEY = shard_key([f"digest-{name}" for name in NAMES])
N_STORES = 6


def test_every_image_of_a_shard_is_in_one_of_its_batches_once(store):
    work_on(store, NAMES)
    names = [name for batch in batch_names(store) for name in _batch(store, batch).filename]
    assert sorted(names) == sorted(NAMES)
    assert_right(store, NAMES)
    assert set(read_ledger(store).attempts.tolist()) == {1}
    assert not list((store / "shards" / "begun").iterdir())


@pytest.mark.parametrize("batch_length", [1, 5, 18, 100])
def test_how_long_batches_are_does_not_matter(store, batch_length):
    work_on(store, NAMES, batch_length=batch_length)
    assert_right(store, NAMES)


@pytest.mark.parametrize(("seconds", "batches"), [(0.0, 18), (60.0, 3)])  # of 1, 4 and 13 images
def test_batches_that_take_less_time_than_they_should_grow(store, seconds, batches):
    work_on(store, NAMES, batch_length=1, batch_seconds=seconds)
    assert len(batch_names(store)) == batches
    assert_right(store, NAMES)


def test_batches_become_as_long_as_fits_their_time():
    pace = BatchSizer(64, seconds=5.0)
    lengths = []
    for n_images, seconds in ((64, 1.0), (256, 1.0), (7, 0.5), (1024, 10.0), (512, 60.0)):
        pace.tell(n_images, seconds)
        lengths.append(pace.length)
    assert lengths == [256, 1024, 1024, 512, 64]


def test_a_shard_that_is_done_is_not_worked_on_again(store, tmp_path):
    work_on(store, NAMES)
    before = batch_names(store)
    work_on(store, NAMES, log=tmp_path / "log")
    assert not (tmp_path / "log").exists()
    assert batch_names(store) == before


def test_who_works_on_for_a_run_that_ended_leaves_no_result_in_a_store_of_other_settings(store):
    straggler = threading.Thread(target=work_on, args=(store, NAMES), kwargs={"seconds": 0.1})
    straggler.start()
    while not batch_names(store):
        time.sleep(0.01)
    other = replace(PROVENANCE, weights="other")
    remake_store(store, other)
    straggler.join()
    assert batch_names(store)
    assert len(finished(store)) == 0
    with pytest.raises(InputError, match="there and 'made up' here"):
        work_on(store, NAMES)
    publish(store, [], {})
    assert batch_names(store) == []


def test_a_storage_that_is_away_while_images_are_done_alone_is_no_fault_of_theirs(store):
    begin_batch(store, KEY, [f"digest-{NAMES[0]}"])
    with pytest.raises(UnreachableError, match="away"):
        work_on(store, NAMES, read=_away)
    assert len(finished(store)) == 0
    work_on(store, NAMES)
    assert_right(store, NAMES)


def test_killed_at_any_moment_nothing_is_lost_doubled_or_torn(tmp_path):
    """Kill the worker on a shard, and the one that goes on, at random moments."""
    rng = random.Random(0)
    for trial in range(N_STORES):
        store = tmp_path / f"{trial}.zarr"
        open_store(store, PROVENANCE)
        for longest in (0.4, 1.5):
            kill_at_work(store, NAMES, after_seconds=rng.uniform(0, longest), seconds=0.01)
            assert_batches_are_whole(store)
        work_on(store, NAMES)
        assert_right(store, NAMES)
        names = [name for batch in batch_names(store) for name in _batch(store, batch).filename]
        assert sorted(names) == sorted(NAMES)


def test_a_worker_that_dies_costs_one_batch_at_most(store, tmp_path):
    log = tmp_path / "log"
    worker = FORKING.Process(
        target=work_on, args=(store, NAMES), kwargs={"seconds": 0.1, "log": log}
    )
    worker.start()
    while not log.exists() or len(log.read_text().splitlines()) < 7:  # in the second batch
        time.sleep(0.01)
    worker.kill()
    worker.join()
    done = len(log.read_text().splitlines())
    log.unlink()
    work_on(store, NAMES, log=log)
    assert len(log.read_text().splitlines()) <= len(NAMES) - done + 4
    assert_right(store, NAMES)
    assert sorted(set(read_ledger(store).attempts.tolist())) == [1, 2]


@pytest.mark.parametrize("end", [signal.SIGABRT, signal.SIGSEGV, signal.SIGKILL])
def test_a_picture_that_kills_its_process_is_named_and_the_rest_goes_on(store, end):
    names = (*NAMES, POISON)
    worker = FORKING.Process(target=work_on, args=(store, names), kwargs={"poison": end})
    worker.start()
    worker.join()
    assert worker.exitcode == -end
    work_on(store, names, poison=end)  # as Dask does
    ledger = publish(store, names, digests_of(names))
    assert ledger.status[-1] == ImageStatus.FAILED
    assert ledger.reason[-1].endswith(f"was ended by {end.name}")
    assert ledger.attempts[-1] == 3
    assert_right(store, NAMES)


def test_who_fails_and_lives_suspects_no_image(store):
    def interrupted(name):
        if name == NAMES[5]:
            raise KeyboardInterrupt
        return made_up_picture(name)

    with pytest.raises(KeyboardInterrupt):
        work_on(store, NAMES, read=interrupted)
    assert not begun_digests(store, KEY)
    work_on(store, NAMES)
    assert_right(store, NAMES)


def test_two_at_work_on_one_shard_do_no_harm(store):
    workers = [
        threading.Thread(target=work_on, args=(store, NAMES), kwargs={"seconds": seconds})
        for seconds in (0.01, 0.013, 0.02)
    ]
    for worker in workers:
        worker.start()
        time.sleep(0.05)
    for worker in workers:
        worker.join()
    assert_batches_are_whole(store)
    assert_right(store, NAMES)


def test_a_failure_of_an_earlier_run_is_tried_again_and_one_of_this_run_is_not(store):
    def failing(_):
        raise RuntimeError("still so")

    for tried, expected in ((0, 1), (0, 1), (1, 2), (1, 2), (2, 3)):
        work_on(store, NAMES[:1], read=failing, tried=tried)
        assert finished(store).attempts.tolist() == [expected]


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "s.zarr"
    open_store(path, PROVENANCE)
    return path


def assert_batches_are_whole(store):
    for name in batch_names(store):
        batch = _batch(store, name)
        assert set(batch.filename) <= set(NAMES)
        assert_found_in_all(batch, batch.filename)


def _batch(store, name):
    return read_batch(store, name, PROVENANCE).keypoints


def assert_right(store, names):
    publish(store, names, digests_of(names))
    assert_found_in_all(read_keypoints(store), names)


def digests_of(names):
    return {name: f"digest-{name}" for name in names}


def _away(name):
    raise UnreachableError(f"{name} is away")
