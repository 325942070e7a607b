"""Stores in which an earlier version kept its batches as zarr groups."""

import shutil

import pytest
from made_up_people import assert_same_keypoints, some_keypoints
from made_up_store import PROVENANCE, digests_of, extract, known
from old_store import write_old_part

from pose_lib.store import (
    convert_old_parts,
    old_parts,
    open_store,
    publish,
    read_keypoints,
    read_ledger,
)
from pose_lib.store.objects import object_names

NAMES = tuple(f"day/{letter}.jpg" for letter in "abcdefgh")


@pytest.fixture
def store(tmp_path):
    """A store half done: two finished parts, one cut off, one damaged, one just begun."""
    path = tmp_path / "s.zarr"
    open_store(path, PROVENANCE)
    _old(path, "1111-a", NAMES[:3])
    _old(path, "1111-b", NAMES[3:5])
    _old(path, "2222-a", NAMES[5:6], done=False, lacks="people")
    _old(path, "2222-b", NAMES[6:], lacks="score")
    _old(path, "2222-c", NAMES[6:], done=False, lacks="images")
    return path


def test_finished_results_of_an_earlier_version_are_not_computed_again(store):
    convert_old_parts(store)
    assert known(store) == set(digests_of(NAMES[:5]).values())
    assert_same_keypoints(extract(store, NAMES), some_keypoints(NAMES))
    assert read_ledger(store).attempts.tolist() == [2] * 5 + [1] * 3


def test_nothing_of_the_earlier_version_is_left(store):
    publish(store, NAMES[:5], digests_of(NAMES))
    assert [name for name in object_names(store / "shards") if not name.endswith(".npz")] == []
    assert len(object_names(store / "shards")) == 2


def test_a_published_store_of_an_earlier_version_is_read_and_gone_on_with(tmp_path):
    store = tmp_path / "s.zarr"
    published = extract(store, NAMES)
    shutil.rmtree(store / "shards")
    _old(store, "1111-a", NAMES)
    assert_same_keypoints(read_keypoints(store), published)
    convert_old_parts(store)
    assert_same_keypoints(extract(store, NAMES[1:]), some_keypoints(NAMES[1:]))
    assert read_ledger(store).attempts.tolist() == [2] * len(NAMES[1:])


def test_conversion_that_is_killed_goes_on(store, monkeypatch):
    def killed(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(old_parts, "delete_tree", killed)
        with pytest.raises(KeyboardInterrupt):
            convert_old_parts(store)
    convert_old_parts(store)
    assert_same_keypoints(extract(store, NAMES), some_keypoints(NAMES))
    assert len(object_names(store / "shards")) == len(["1111-a", "1111-b", "of the run"])


def _old(store, name, names, **how):
    write_old_part(store, name, some_keypoints(names), digests_of(names).values(), **how)
