"""Stores with files that are gone, empty as after a power failure, or not as they were written."""

import json
from pathlib import Path

import numpy as np
import pytest
import zarr
from made_up_shard import PROVENANCE, assert_found_in_all, work_on

from pose_lib.errors import InputError
from pose_lib.store import finished, open_store, publish, read_keypoints, read_ledger
from pose_lib.store.batches import part_names
from pose_lib.store.publication import _ARRAYS

NAMES = tuple(f"{number}.jpg" for number in range(6))
DIGESTS = {name: f"digest-{name}" for name in NAMES}


@pytest.fixture
def store(tmp_path):
    """A published store of six images."""
    path = tmp_path / "s.zarr"
    open_store(path, PROVENANCE)
    _extract(path)
    return path


@pytest.mark.parametrize("content", [b"", b"\x07not what was written"])
def test_whatever_is_damaged_in_a_store_the_next_run_mends_it(store, content):
    (part,) = part_names(store)
    for file in (
        *("images/reason/c/0", "images/status/zarr.json", "people/keypoints/c/0/0/0"),
        *(f"shards/{part}/{name}" for name in ("zarr.json", "images/digest/c/0")),
    ):
        (store / file).write_bytes(content)
    _extract(store)
    assert_found_in_all(read_keypoints(store), NAMES)


def test_a_part_whose_damage_shows_late_costs_two_runs(store):
    (part,) = part_names(store)
    for folder in (store, store / "shards" / part):
        (folder / "people" / "score" / "c" / "0").write_bytes(b"")
    _extract(store)
    assert read_keypoints(store).counts()["failed"] == len(NAMES)
    _extract(store)
    assert_found_in_all(read_keypoints(store), NAMES)


def test_a_published_store_that_lacks_a_file_is_refused_or_published_again(store):
    (store / "images" / "status" / "c" / "0").unlink()
    with pytest.raises(InputError, match="run extract again"):
        read_keypoints(store)
    _extract(store)
    assert_found_in_all(read_keypoints(store), NAMES)


def change_a_byte(file):
    content = bytearray(file.read_bytes())
    content[-6] ^= 1  # of what is compressed: a checksum of four bytes is behind it
    file.write_bytes(content)


HARMS = pytest.mark.parametrize("harm", [Path.unlink, change_a_byte])


@HARMS
@pytest.mark.parametrize("array", _ARRAYS)
def test_what_lost_or_changed_a_published_chunk_is_published_again(store, array, harm):
    (chunk,) = chunks_of(store / array)
    before = chunk.read_bytes()
    harm(chunk)
    _extract(store)
    assert chunk.read_bytes() == before


@HARMS
@pytest.mark.parametrize("array", sorted(set(_ARRAYS) - {"images/stamp"}))
def test_what_lost_or_changed_a_published_chunk_is_refused(store, array, harm):
    (chunk,) = chunks_of(store / array)
    harm(chunk)
    with pytest.raises(InputError, match="run extract again"):
        (read_keypoints(store), read_ledger(store))


@HARMS
@pytest.mark.parametrize("array", sorted(set(_ARRAYS) - {"images/stamp", "people/chosen"}))
def test_what_lost_or_changed_a_chunk_of_a_part_is_computed_again(store, array, harm):
    (part,) = part_names(store)
    (chunk,) = chunks_of(store / "shards" / part / array)
    harm(chunk)
    (store / "images" / "status" / "c" / "0").unlink()  # else nobody looks at the part again
    _extract(store)
    _extract(store)
    assert part not in part_names(store)
    assert_found_in_all(read_keypoints(store), NAMES)


def test_a_store_of_an_earlier_version_whose_zeros_were_never_written_is_read(store):
    folder = store / "people" / "image"
    about = json.loads((folder / "zarr.json").read_text()) | {"fill_value": 0}
    (folder / "zarr.json").write_text(json.dumps(about))
    (folder / "c" / "0").unlink()
    assert not read_keypoints(store).image.any()


def test_a_storage_that_fails_to_read_damages_nothing(store, monkeypatch):
    parts = part_names(store)

    def fail(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("pose_lib.store.batches.read_text", fail)
        with pytest.raises(OSError, match="Input/output"):
            _extract(store)
    assert part_names(store) == parts


def test_all_that_is_published_is_looked_at(store):
    root = zarr.open_group(store, mode="r")
    arrays = {f"{group}/{name}" for group in ("images", "people") for name in root[group]}
    assert arrays == set(_ARRAYS)


def chunks_of(array):
    return [file for file in (array / "c").rglob("*") if file.is_file()]


def _extract(store):
    """Do what a run does: compute what is missing, and publish."""
    places = finished(store).find([DIGESTS[name] for name in NAMES])
    if missing := [NAMES[row] for row in np.flatnonzero(places < 0)]:
        work_on(store, missing)
    publish(store, NAMES, DIGESTS)
