"""Stores where writing fails, and stores that are not on this machine's disk."""

import os
import random
import subprocess
from pathlib import Path

import pytest
from made_up_shard import PROVENANCE, assert_found_in_all, kill_at_work, work_on
from s3_server import s3_server
from upath import UPath

from pose_lib.errors import InputError
from pose_lib.store import (
    batches,
    delete_store,
    is_store,
    known_digests,
    open_store,
    publish,
    read_keypoints,
    read_ledger,
)

NAMES = tuple(f"{number:03}.jpg" for number in range(60))
DIGESTS = {name: f"digest-{name}" for name in NAMES}


def test_a_full_disk_is_one_line_and_the_run_goes_on_once_there_is_room(small_disk):
    store, ballast = small_disk / "s.zarr", small_disk / "ballast"
    open_store(store, PROVENANCE)
    work_on(store, NAMES[:8])
    _fill(ballast, but_pages=8)
    with pytest.raises(InputError, match="No space left on device; make room there and run") as no:
        work_on(store, NAMES)
    assert str(store) in str(no.value)
    assert "\n" not in str(no.value)
    _fill(ballast, but_pages=8)
    with pytest.raises(InputError, match="No space left on device; make room"):
        publish(store, NAMES, DIGESTS)
    ballast.unlink()
    work_on(store, NAMES)
    assert publish(store, NAMES, DIGESTS).counts()["failed"] == 0
    assert read_keypoints(store).n_images == len(NAMES)


def test_a_disk_made_read_only_is_one_line_and_the_run_goes_on_once_it_is_writable(small_disk):
    store = small_disk / "s.zarr"
    open_store(store, PROVENANCE)
    work_on(store, NAMES[:8])
    _mount(small_disk, "remount,ro")
    for write in (lambda: work_on(store, NAMES), lambda: publish(store, NAMES, DIGESTS)):
        with pytest.raises(InputError, match="Read-only file system; make it writable and run"):
            write()
    _mount(small_disk, "remount,rw")
    work_on(store, NAMES)
    assert publish(store, NAMES, DIGESTS).counts()["failed"] == 0


def test_what_may_pass_by_itself_is_no_bad_input(tmp_path, monkeypatch):
    store = tmp_path / "s.zarr"
    open_store(store, PROVENANCE)

    def interrupted(*_, **__):
        raise ConnectionResetError(104, "Connection reset by peer")

    monkeypatch.setattr(batches, "put_atomic", interrupted)
    with pytest.raises(ConnectionResetError):
        work_on(store, NAMES)


def test_a_store_in_memory_goes_through_all_that_one_on_disk_does():
    store = UPath("memory://bucket/folder/s.zarr")
    assert not is_store(store)
    open_store(store, PROVENANCE)
    open_store(store, PROVENANCE)
    work_on(store, NAMES[:8])
    work_on(store, NAMES)
    stamps = dict.fromkeys(NAMES, "as of now")
    publish(store, NAMES, DIGESTS, fingerprints=stamps, root="s3://bucket/photos")
    assert is_store(store)
    assert read_keypoints(store).filename == NAMES
    assert known_digests(store)[NAMES[3]] == ("as of now", DIGESTS[NAMES[3]])
    publish(store, NAMES[1:], DIGESTS)
    assert read_ledger(store).n_images == len(NAMES) - 1
    delete_store(store)
    assert not is_store(store)


@pytest.mark.every_fault
def test_workers_killed_at_a_store_on_s3_lose_double_and_tear_nothing(bucket):
    rng = random.Random(1)
    store = bucket / "s.zarr"
    open_store(store, PROVENANCE)
    for _ in range(4):
        kill_at_work(store, NAMES, after_seconds=rng.uniform(0.5, 6), seconds=0.05)
    work_on(store, NAMES)
    publish(store, NAMES, DIGESTS)
    assert_found_in_all(read_keypoints(store), NAMES)
    delete_store(store)
    assert not is_store(store)


@pytest.fixture
def bucket():
    """A folder on a real S3 server."""
    with s3_server() as server:
        bucket = UPath(
            "s3://bucket",
            endpoint_url=server.url,
            key="test",
            secret="test",
            use_listings_cache=False,
        )
        bucket.mkdir()
        yield bucket / "folder"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with little room."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    if _mount(disk, "size=4m", "-t", "tmpfs", "tmpfs"):
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def _mount(disk, options, *kind):
    command = ["mount", *kind, "-o", options, str(disk)]
    return subprocess.run(command, check=False, capture_output=True).returncode


def _fill(ballast: Path, but_pages: int):
    """Leave no room but for some small files."""
    with ballast.open("ab", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                break
    os.truncate(ballast, ballast.stat().st_size - but_pages * 4096)
