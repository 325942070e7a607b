"""A batch of results: one file that is read as it was written, or not at all."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_people import BEARTYPE_DRAWS, assert_same_keypoints, keypoints, some_keypoints
from made_up_store import PROVENANCE, digests_of, extract, known, write

from pose_lib.skeleton import COCO_18
from pose_lib.store import (
    batches,
    delete_store,
    finished,
    open_store,
    publish,
    read_keypoints,
    remake_store,
    write_shard,
)
from pose_lib.store.batches import (
    NoBatchError,
    batch_names,
    begin_batch,
    begun_digests,
    end_batch,
    read_batch,
    write_batch,
)
from pose_lib.store.ledger import ExtractionResults

pytestmark = pytest.mark.filterwarnings(BEARTYPE_DRAWS)
NAMES = tuple(f"day/{letter}.jpg" for letter in "abcdefgh")
in_one_folder = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None
)


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "s.zarr"
    open_store(path, PROVENANCE)
    return path


@in_one_folder
@given(keypoints(skeletons=st.just(COCO_18), names=st.text(max_size=9)), st.text(min_size=1))
def test_any_results_come_back_the_same(tmp_path_factory, people, letters):
    store = tmp_path_factory.mktemp("any") / "s.zarr"
    open_store(store, PROVENANCE)
    people = replace(people, reason=(letters + "\udc80\0" + 999 * "long",) * people.n_images)
    digests = [f"digest {row}" for row in range(people.n_images)]
    name = write_shard(store, people, digests, np.arange(people.n_images, dtype=np.float32))
    again = read_batch(store, name, PROVENANCE)
    assert_same_keypoints(again.keypoints, people)
    assert again.digest == tuple(digests)
    assert again.seconds.tolist() == list(range(people.n_images))
    assert len(finished(store)) == people.n_images


def test_a_batch_is_read_by_numpy_alone_and_says_what_it_is(store):
    name = write(store, NAMES)
    with np.load(store / "shards" / name, allow_pickle=False) as columns:
        about = json.loads(columns["about"].tobytes())
        assert json.loads(columns["filename"].tobytes()) == list(NAMES)
        assert columns["n_people"].sum() == len(columns["keypoints"]) == len(columns["score"])
    assert (about["schema"], about["skeleton"]) == ("poselift-batch/1", "COCO_18")
    assert about["package_version"]


@pytest.mark.parametrize("harm", ["emptied", "cut", "a bit turned"])
def test_a_damaged_batch_is_no_result_and_its_images_are_computed_again(store, harm):
    write(store, NAMES[4:])
    file = store / "shards" / write(store, NAMES[:4])
    content = file.read_bytes()
    half = len(content) // 2
    turned = content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
    file.write_bytes({"emptied": b"", "cut": content[:half]}.get(harm, turned))
    assert known(store) == set(digests_of(NAMES[4:]).values())
    assert_same_keypoints(extract(store, NAMES), some_keypoints(NAMES))
    assert not file.exists()


def test_a_batch_that_is_damaged_while_it_is_needed_is_named(store):
    name = write(store, NAMES)
    (store / "shards" / name).write_bytes(b"PK")
    with pytest.raises(NoBatchError, match=f"{name} is gone or damaged; run the same command"):
        read_batch(store, name, PROVENANCE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pose_lib.store.batch_file.BATCH_SCHEMA", "poselift-batch/2"),
        ("pose_lib.store.batch_file.np.savez", np.savez_compressed),  # may unpack to anything
        ("pose_lib.store.batches.encode_batch", lambda *_: b"no archive"),
        ("pose_lib.store.batch_file._json_array", lambda _: np.zeros(3, np.uint8)),
    ],
)
def test_what_is_whole_and_no_batch_is_no_result(store, monkeypatch, name, value):
    with monkeypatch.context() as patch:
        patch.setattr(name, value)
        write(store, NAMES)
    assert len(finished(store)) == 0
    assert_same_keypoints(extract(store, NAMES), some_keypoints(NAMES))


def test_a_storage_that_fails_to_read_damages_nothing(store, monkeypatch):
    extract(store, NAMES)
    before = batch_names(store)

    def fail(_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(batches, "read_object", fail)
        with pytest.raises(OSError, match="Input/output"):
            extract(store, NAMES)
    assert batch_names(store) == before


def test_results_of_other_weights_are_no_results_and_are_deleted(store):
    people, digests = some_keypoints(NAMES), tuple(digests_of(NAMES).values())
    ones = np.ones(len(NAMES))
    results = ExtractionResults(people, digests, ones.astype(np.int32), ones.astype(np.float32))
    remake_store(store, replace(PROVENANCE, weights="other"))
    write_batch(store, "key", results, PROVENANCE)  # of a worker of the run before
    assert len(finished(store)) == 0
    publish(store, NAMES, digests_of(NAMES))
    assert batch_names(store) == []
    assert read_keypoints(store).counts()["failed"] == len(NAMES)
    assert PROVENANCE.digest == replace(PROVENANCE, config=dict(PROVENANCE.config)).digest


def test_marks_name_what_was_begun_and_not_ended(store):
    assert not begun_digests(store, "key")
    marks = [begin_batch(store, "key", digests) for digests in (["a", "b"], ["b"], ["c"])]
    begin_batch(store, "other", ["d"])
    end_batch(store, marks[2])
    end_batch(store, marks[2])
    marks[0].with_name("key-torn.json").write_bytes(b'["a')
    assert begun_digests(store, "key") == {"a": 1, "b": 2}
    publish(store, [], {})
    assert not list((store / "shards" / "begun").iterdir())


def test_success_after_failure_replaces_it_and_failure_after_success_does_not(store):
    for order in ((True, False), (False, True)):
        delete_store(store)
        open_store(store, PROVENANCE)
        for failed in order:
            write(store, NAMES, failed=failed)
        publish(store, NAMES, digests_of(NAMES))
        assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES))


def test_a_task_that_runs_twice_changes_nothing(store):
    assert write(store, NAMES) == write(store, NAMES)
    digests = digests_of(NAMES)
    write_shard(store, some_keypoints(NAMES), list(digests.values()), np.zeros(len(NAMES)))
    publish(store, NAMES, digests)
    assert len(batch_names(store)) == 1
    assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES))


@pytest.mark.parametrize("first", [1, 4, 7])
def test_batches_whose_results_are_all_in_a_larger_one_are_not_kept(store, first):
    for names in (NAMES[:first], NAMES[first:], NAMES):
        write(store, names)
    publish(store, NAMES, digests_of(NAMES))
    assert len(batch_names(store)) == 1
    assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES))
