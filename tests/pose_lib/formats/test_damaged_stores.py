"""Stores with files that a power failure left empty, or of other bytes than were written."""

import numpy as np
import pytest
import zarr
from made_up_shard import PROVENANCE, assert_found_in_all, work_on

from pose_lib.errors import InputError
from pose_lib.formats.keypoint_store import finished, open_store, publish, read_keypoints
from pose_lib.formats.store_parts import part_names
from pose_lib.formats.store_publishing import _ARRAYS

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


def test_a_storage_that_fails_to_read_damages_nothing(store, monkeypatch):
    parts = part_names(store)

    def fail(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("pose_lib.formats.store_parts.read_text", fail)
        with pytest.raises(OSError, match="Input/output"):
            _extract(store)
    assert part_names(store) == parts


def test_all_that_is_published_is_looked_at(store):
    root = zarr.open_group(store, mode="r")
    arrays = {f"{group}/{name}" for group in ("images", "people") for name in root[group]}
    assert arrays == set(_ARRAYS)


def _extract(store):
    """Do what a run does: compute what is missing, and publish."""
    places = finished(store).find([DIGESTS[name] for name in NAMES])
    if missing := [NAMES[row] for row in np.flatnonzero(places < 0)]:
        work_on(store, missing)
    publish(store, NAMES, DIGESTS)
