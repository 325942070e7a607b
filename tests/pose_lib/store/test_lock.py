"""Who writes a store: one at a time, whatever becomes of the others."""

import contextlib
import json
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest
import zarr
from upath import UPath

from pose_lib.errors import InputError
from pose_lib.store import Provenance, delete_store, lock, open_store
from pose_lib.store.lock import (
    LeaseLostError,
    LeaseTiming,
    StoreBusyError,
    current_holder,
    lease_numbers,
    lock_store,
    remove_lease,
)

PROVENANCE = Provenance("COCO_18", "0" * 64)
QUICK = LeaseTiming(renew=0.1, dead=0.6, look=0.02)
NO_TIME = (
    b'{"doing": "", "host": "", "machine": "", "pid": 1, "started": "", "renewed": 0, "since": %s}'
)
HOLD = """
import sys, time
from pose_lib.files.locations import location
from pose_lib.store.lock import LeaseTiming, lock_store

store, seconds = location(sys.argv[1]), float(sys.argv[2])
with lock_store(store, "first", wait=20.0, tell=print, pace=LeaseTiming(0.1, 0.6, 0.02)) as lease:
    print("held", flush=True)
    time.sleep(seconds)
    lease.confirm()
print("released", flush=True)
"""


@pytest.fixture
def start():
    """Start processes that hold a store for a while; end what is left of them."""
    started = []

    def start(store, seconds=60.0):
        command = [sys.executable, "-c", HOLD, str(store), str(seconds)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(params=["local", "s3"])
def store(request, tmp_path):
    """Where a store is to be made, here or on a real S3 server."""
    if request.param == "local":
        return tmp_path / "new.zarr"
    return request.getfixturevalue("bucket") / f"{tmp_path.name}.zarr"


@pytest.fixture(scope="module")
def bucket():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        host, port = server.get_host_and_port()
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        bucket = UPath("s3://stores", use_listings_cache=False)
        bucket.fs.mkdir("stores")
        yield bucket
    server.stop()


@contextlib.contextmanager
def small_files():
    """Let this process write no file of more than 4 kB, as on a disk that is nearly full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def hold(store, doing="second", *, wait=0.0, told=None, pace=QUICK):
    tell = (lambda who, waited: told.append(who)) if told is not None else (lambda *_: None)
    return lock_store(store, doing, wait=wait, tell=tell, pace=pace)


def test_a_held_store_is_refused_with_the_name_of_who_holds_it(store, start):
    process = start(store)
    with pytest.raises(StoreBusyError) as refused, hold(store):
        pass
    assert f"first (process {process.pid} on " in str(refused.value)
    assert "last sign of life" in str(refused.value)
    assert "--lock-timeout" in str(refused.value)
    assert current_holder(store).pid == process.pid


def test_who_waits_gets_the_store_once_it_is_released(store, start):
    process, told = start(store, 0.5), []
    with hold(store, wait=20.0, told=told):
        assert process.communicate()[0] == "released\n"
        assert current_holder(store).doing == "second"
    assert told
    assert all(who.startswith("first") for who in told)
    assert current_holder(store) is None
    assert lease_numbers(store) == []


def test_a_killed_holder_is_followed_at_once(store, start):
    process = start(store)
    process.kill()  # with -9; its parent has not looked at it yet
    begun = time.monotonic()
    with hold(store, wait=20.0, pace=LeaseTiming(look=0.1)) as lease:
        lease.confirm()
    assert time.monotonic() - begun < 10 < LeaseTiming().dead


def test_a_holder_on_another_machine_is_followed_after_a_while_without_signs_of_life(
    store, start, monkeypatch
):
    process = start(store)
    monkeypatch.setattr(lock, "machine_id", lambda: "elsewhere")
    with pytest.raises(StoreBusyError), hold(store, wait=2 * QUICK.dead):
        pass  # it gives signs of life
    process.kill()
    begun = time.monotonic()
    with hold(store, wait=20.0) as lease:
        lease.confirm()
        assert time.monotonic() - begun > QUICK.dead


def test_a_holder_that_slept_notices_that_it_lost_the_store(store, start, monkeypatch):
    process = start(store, 1.5)
    process.send_signal(signal.SIGSTOP)  # a closed laptop
    monkeypatch.setattr(lock, "machine_id", lambda: "elsewhere")
    with hold(store, wait=20.0) as lease:
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=20)
        lease.confirm()
    assert "LeaseLostError" in err
    assert "run the same command again" in err
    assert "released" not in out


def test_a_holder_notices_that_it_lost_the_store_to_one_who_is_done_already(store):
    with hold(store, "slept", pace=LeaseTiming()) as slept:
        store.fs.rm_file(f"{store.path}/1.lease") if isinstance(store, UPath) else (
            store / "1.lease"
        ).unlink()
        with pytest.raises(LeaseLostError, match="run the same command again"):
            slept.confirm()


def test_a_holder_notices_that_it_lost_the_store_to_one_whose_lease_has_the_same_number(store):
    with hold(store, "slept", pace=LeaseTiming()) as slept:
        remove_lease(store, 1)  # taken over by another, who is done
        with hold(store, "third") as third:
            with pytest.raises(LeaseLostError):
                slept.confirm()
            slept.release()
            third.confirm()


@pytest.mark.parametrize("below", ["", "new.zarr"])
def test_a_link_that_leads_nowhere_is_no_lease_of_somebody_else(tmp_path, below):
    (tmp_path / "disk").symlink_to(tmp_path / "not mounted")
    with (
        pytest.raises(InputError, match="a link that leads nowhere"),
        hold(tmp_path / "disk" / below),
    ):
        pass


def test_a_disk_without_room_for_a_lease_keeps_no_empty_one(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_content", lambda _: b"a lease" * (1 << 17))
    with small_files(), pytest.raises(InputError, match="cannot write the store"), hold(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_only_one_of_many_who_come_at_once_gets_the_store(store):
    inside, most = [], []

    def work():
        with hold(store, wait=60.0, pace=LeaseTiming(look=0.01)) as lease:
            inside.append(1)
            most.append(len(inside))
            lease.confirm()
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b'{"pid": 1}',
        b"\xff",
        b"[" * 100_000,
        b"null",
        NO_TIME % b"NaN",
        NO_TIME % b"1e300",
    ],
)
def test_a_damaged_lease_holds_the_store_for_as_long_as_a_silent_holder(tmp_path, damage):
    (tmp_path / "1.lease").write_bytes(damage)
    assert current_holder(tmp_path) is None
    with pytest.raises(StoreBusyError, match="cannot be read"), hold(tmp_path):
        pass
    with hold(tmp_path, wait=20.0) as lease:
        lease.confirm()
        assert lease_numbers(tmp_path) == [2]


def test_others_see_how_far_the_holder_is(store):
    with hold(store) as lease:
        lease.progress(3, 10)
        lease.confirm()
        holder = current_holder(store)
        assert (holder.done, holder.total) == (3, 10)
        json.dumps(str(holder))


def test_a_held_store_can_be_made_deleted_and_made_again(tmp_path):
    store = tmp_path / "new.zarr"
    with hold(store) as lease:
        open_store(store, PROVENANCE)
        delete_store(store)
        open_store(store, PROVENANCE)
        lease.confirm()
        assert set(zarr.open_group(store, mode="r").attrs) >= {"schema"}
    delete_store(store)
    assert not store.exists()


def test_what_was_never_made_leaves_no_folder(tmp_path):
    with hold(tmp_path / "new.zarr"):
        pass
    assert list(tmp_path.iterdir()) == []
