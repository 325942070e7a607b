"""Laws of publication: what readers see depends on images and results, on nothing else."""

import hashlib
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_people import BEARTYPE_DRAWS, assert_same_keypoints, keypoints, some_keypoints
from made_up_store import PROVENANCE, digests_of, extract, known, write
from mpii_mat import image_of, person_of, save_release

from pose_lib.errors import InputError
from pose_lib.keypoints import ImageStatus
from pose_lib.person_selection import PersonSelection
from pose_lib.skeleton import COCO_18
from pose_lib.store import (
    NO_RESULT,
    batches,
    choose_again,
    gathering,
    open_store,
    publication,
    publish,
    read_choice,
    read_keypoints,
    write_shard,
)
from pose_lib.store.batches import batch_names
from pose_lib.store.lock import LeaseLostError
from pose_lib.store.publication import _ARRAYS

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
@given(keypoints(skeletons=st.just(COCO_18)))
def test_any_keypoints_come_back_the_same(tmp_path_factory, people):
    store = tmp_path_factory.mktemp("any") / "s.zarr"
    open_store(store, PROVENANCE)
    digests = [f"digest {row}" for row in range(people.n_images)]
    write_shard(store, people, digests, np.zeros(people.n_images, np.float32))
    publish(store, people.filename, dict(zip(people.filename, digests, strict=True)))
    assert_same_keypoints(read_keypoints(store), people)


@pytest.mark.parametrize("length", [1, 3, 8])
def test_how_the_images_were_cut_into_shards_does_not_matter(store, length):
    assert_same_keypoints(extract(store, NAMES, shard_length=length), some_keypoints(NAMES))


def test_the_order_in_which_shards_finish_does_not_matter(store):
    for names in (NAMES[5:], NAMES[:2], NAMES[2:5]):
        write(store, names)
    assert_same_keypoints(extract(store, NAMES), some_keypoints(NAMES))


def test_arrays_have_the_contracts_names_types_and_axes(store):
    extract(store, NAMES)
    group = zarr.open_group(store, mode="r")
    assert group.metadata.zarr_format == 3
    found = {
        f"{part}/{name}": (str(array.dtype), array.metadata.dimension_names)
        for part in ("images", "people")
        for name, array in group[part].arrays()
    }
    assert found == {
        "images/filename": ("StringDType()", ("image",)),
        "images/reason": ("StringDType()", ("image",)),
        "images/digest": ("StringDType()", ("image",)),
        "images/size": ("int32", ("image", "side")),
        "images/status": ("uint8", ("image",)),
        "images/attempts": ("int32", ("image",)),
        "images/seconds": ("float32", ("image",)),
        "images/stamp": ("StringDType()", ("image",)),
        "people/keypoints": ("float32", ("person", "joint", "xyc")),
        "people/image": ("int64", ("person",)),
        "people/score": ("float32", ("person",)),
        "people/chosen": ("bool", ("person",)),
    }
    assert group["images/status"].attrs["names"]["2"] == "no person"
    assert set(found) == set(_ARRAYS)  # all of which are looked at before they pass as published


def test_who_is_chosen_is_stored_and_everybody_stays(store):
    again = extract(store, NAMES, choice=PersonSelection("largest"))
    assert_same_keypoints(again, some_keypoints(NAMES).choosing(again.chosen))
    people = np.bincount(again.image, minlength=len(NAMES))
    chosen = np.bincount(again.image[again.chosen], minlength=len(NAMES))
    np.testing.assert_array_equal(chosen, np.minimum(people, 1))
    assert read_choice(store) == {
        "rule": "largest",
        "annotations": None,
        "sha256": None,
        "chosen": chosen.sum(),
        "of": people.sum(),
    }
    assert extract(store, NAMES).chosen.all()  # an earlier run's choice is forgotten
    assert read_choice(store)["rule"] == "all"


def test_choosing_again_needs_no_batch_and_is_as_if_chosen_so_at_first(store, tmp_path):
    assert extract(store, NAMES).chosen.all()
    first = zarr.open_group(store).attrs["published"]
    shutil.rmtree(store / "shards")
    returned = choose_again(store, PersonSelection("score"))
    assert_same_keypoints(read_keypoints(store), returned)
    assert zarr.open_group(store).attrs["published"] != first
    at_first = extract(tmp_path / "other.zarr", NAMES, choice=PersonSelection("score"))
    assert_same_keypoints(returned, at_first)
    assert read_choice(store) == read_choice(tmp_path / "other.zarr")


def test_annotations_of_other_images_change_nothing_and_are_named(store, tmp_path):
    before = extract(store, NAMES, choice=PersonSelection("score"))
    truth = save_release(tmp_path / "truth.mat", [image_of("other.jpg", [person_of()])])
    with pytest.raises(InputError, match=r"truth\.mat: not one of the 8 images is annotated"):
        choose_again(store, PersonSelection("annotated", str(truth)))
    assert_same_keypoints(read_keypoints(store), before)


def test_the_file_that_was_chosen_by_is_told_by_name_and_hash(store, tmp_path):
    extract(store, NAMES)
    truth = save_release(tmp_path / "truth.mat", [image_of("a.jpg", [person_of()])])
    choose_again(store, PersonSelection("annotated", str(truth)))
    record = read_choice(store)
    assert record["annotations"] == "truth.mat"
    assert record["sha256"] == hashlib.sha256(truth.read_bytes()).hexdigest()


def test_new_and_changed_images_are_all_that_needs_work(store):
    extract(store, NAMES[:4])
    digests = digests_of(NAMES) | {NAMES[0]: "changed"}
    assert set(digests.values()) - known(store) == {
        "changed",
        *(digests[name] for name in NAMES[4:]),
    }


def test_added_images_join_the_published_ones_and_removed_ones_leave(store):
    for names in (NAMES[::2], NAMES, NAMES[3:]):
        assert_same_keypoints(extract(store, names), some_keypoints(names))


def test_a_changed_image_is_published_with_its_new_people(store):
    extract(store, NAMES)
    changed = NAMES[2]
    write(store, [changed], seed=1, suffix="changed")
    publish(store, NAMES, digests_of(NAMES) | digests_of([changed], "changed"))
    published = read_keypoints(store)
    np.testing.assert_array_equal(
        published.people(2).keypoints, some_keypoints([changed], seed=1).keypoints
    )
    np.testing.assert_array_equal(published.people(1).keypoints, found_in(NAMES[1]))


@pytest.mark.parametrize("names", [("z.jpg",), NAMES])
def test_images_renamed_or_of_equal_content_share_one_result(store, names):
    extract(store, NAMES[:2])
    publish(store, names, dict.fromkeys(names, digests_of(NAMES)[NAMES[0]]))
    published = read_keypoints(store)
    for row in range(len(names)):
        np.testing.assert_array_equal(published.people(row).keypoints, found_in(NAMES[0]))


def test_an_image_without_a_result_has_its_row_and_is_tried_again(store):
    write(store, NAMES[1:])
    published = publish(store, NAMES, digests_of(NAMES))
    assert published.status[0] == ImageStatus.FAILED
    assert published.reason[0] == NO_RESULT
    assert digests_of(NAMES)[NAMES[0]] not in known(store)


def test_batches_that_no_image_needs_go_after_publishing_not_before(store):
    extract(store, NAMES, shard_length=4)
    assert len(batch_names(store)) == 2
    publish(store, NAMES[:4], digests_of(NAMES))
    assert len(batch_names(store)) == 1


def test_a_batch_that_comes_while_others_are_published_is_left_alone(store, monkeypatch):
    extract(store, NAMES[:4])
    gathered = publication.gather_blocks

    def meanwhile(*arguments):
        write(store, NAMES[4:])
        return gathered(*arguments)

    monkeypatch.setattr(publication, "gather_blocks", meanwhile)
    publish(store, NAMES[:2], digests_of(NAMES))
    assert known(store) >= set(digests_of(NAMES[4:]).values())


def test_many_small_batches_do_not_pile_up(store, monkeypatch):
    monkeypatch.setattr(gathering, "_MOST_BATCHES", 3)
    for count in range(1, len(NAMES) + 1):
        write(store, NAMES[count - 1 : count])
        publish(store, NAMES[:count], digests_of(NAMES))
        assert len(batch_names(store)) <= 3
        published = zarr.open_group(store).attrs["published"]
        publish(store, NAMES[:count], digests_of(NAMES))
        assert zarr.open_group(store).attrs["published"] == published
    assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES))


def test_full_batches_are_not_written_again_with_the_small_ones(store, monkeypatch):
    monkeypatch.setattr(gathering, "_MOST_BATCHES", 2)
    monkeypatch.setattr(gathering, "_FULL_BATCH", 3)
    full = [write(store, NAMES[:3]), write(store, NAMES[3:6])]
    small = [write(store, NAMES[6:7]), write(store, NAMES[7:], failed=True)]
    publish(store, NAMES, digests_of(NAMES))
    now = batch_names(store)
    assert (set(full) < set(now), set(small) & set(now), len(now)) == (True, set(), 3)
    published = read_keypoints(store)
    assert published.counts()["failed"] == 1
    np.testing.assert_array_equal(published.people(6).keypoints, found_in(NAMES[6]))


def test_publishing_again_writes_nothing_where_nothing_changed(store, monkeypatch):
    extract(store, NAMES)
    with monkeypatch.context() as patch:
        stop_after(0, patch, but="remove_object")
        ledger = publish(store, NAMES, digests_of(NAMES))
    assert ledger.counts() == some_keypoints(NAMES).counts()
    choose_again(store, PersonSelection("score"))
    assert extract(store, NAMES).chosen.all()


def test_killed_at_any_write_nothing_is_lost_and_the_next_run_mends_it(tmp_path, monkeypatch):
    """Kill a run after every fifth number of writes, then go on as a second run would."""
    names = NAMES[:2]
    monkeypatch.setattr(gathering, "_MOST_BATCHES", 1)
    for allowed in range(0, 300, 5):
        store = tmp_path / f"{allowed}.zarr"
        killed = run_with_writes(store, names, allowed, monkeypatch)
        complete_or_said_so(store, names)
        extract(store, names)
        assert_same_keypoints(read_keypoints(store), some_keypoints(names))
        assert len(batch_names(store)) == 1
        if not killed:
            return
    pytest.fail("the run never came to its end")


def test_killed_while_publishing_again_no_batch_is_computed_twice(tmp_path, monkeypatch):
    store = tmp_path / "s.zarr"
    extract(store, NAMES)
    for allowed in range(0, 40, 7):
        with monkeypatch.context() as patch:
            stop_after(allowed, patch)
            with pytest.raises(Killed):
                publish(store, NAMES, digests_of(NAMES), fingerprints={NAMES[0]: str(allowed)})
        assert known(store) == set(digests_of(NAMES).values())


def test_what_a_killed_writer_leaves_of_a_file_is_removed(store):
    extract(store, NAMES)
    (store / "shards" / "begun").mkdir(exist_ok=True)
    for folder in (".", "images", "people"):
        (store / folder / "zarr.0123abcd.partial").write_bytes(b"{")
    for folder in ("shards", "shards/begun"):
        (store / folder / ".0123abcd.partial").write_bytes(b"PK")
    publish(store, NAMES, digests_of(NAMES))
    assert not list(store.rglob("*.partial"))


def change_a_byte(file):
    content = bytearray(file.read_bytes())
    content[-6] ^= 1  # of what is compressed: a checksum of four bytes is behind it
    file.write_bytes(content)


@pytest.mark.parametrize("harm", [Path.unlink, change_a_byte])
@pytest.mark.parametrize("array", _ARRAYS)
def test_a_published_chunk_that_is_lost_or_changed_is_refused_and_published_again(
    store, array, harm
):
    extract(store, NAMES)
    (chunk,) = (file for file in (store / array / "c").rglob("*") if file.is_file())
    before = chunk.read_bytes()
    harm(chunk)
    if array not in ("images/stamp", "images/attempts", "images/seconds", "images/digest"):
        with pytest.raises(InputError, match="run extract again"):
            read_keypoints(store)
    extract(store, NAMES)
    assert chunk.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"\x07not what was written"])
def test_whatever_is_damaged_in_a_store_the_next_run_mends_it(store, content):
    extract(store, NAMES)
    batch = f"shards/{batch_names(store)[0]}"
    for file in ("images/reason/c/0", "images/status/zarr.json", "people/score/c/0", batch):
        (store / file).write_bytes(content)
    assert_same_keypoints(extract(store, NAMES), some_keypoints(NAMES))


@pytest.mark.parametrize("asleep_at", ["append_arrays", "write_chosen"])
@pytest.mark.parametrize("others", [NAMES, NAMES[:5]])
def test_one_who_slept_while_another_published_tears_nothing(store, monkeypatch, asleep_at, others):
    write(store, NAMES)
    monkeypatch.setattr(gathering, "_BLOCK_ROWS", 4)
    awake = getattr(publication, asleep_at)

    def asleep(*arguments):
        monkeypatch.setattr(publication, asleep_at, awake)
        publish(store, others, digests_of(NAMES))
        awake(*arguments)

    monkeypatch.setattr(publication, asleep_at, asleep)
    with pytest.raises(LeaseLostError, match="run the same command again"):
        publish(store, NAMES, digests_of(NAMES))
    with pytest.raises(InputError, match="not complete"):
        read_keypoints(store)
    for names in (others, NAMES):
        assert_same_keypoints(extract(store, names), some_keypoints(names))


def found_in(name):
    return some_keypoints([name]).keypoints


def complete_or_said_so(store, names):
    try:
        assert_same_keypoints(read_keypoints(store), some_keypoints(names))
    except InputError as error:
        assert re.search("run extract|extract` makes one", str(error))  # noqa: PT017


class Killed(BaseException):
    """Stands for a kill: nothing in the program catches it."""


def run_with_writes(store, names, allowed, monkeypatch):
    """Run, killed before the write after the allowed ones; tell whether it came to that."""
    with monkeypatch.context() as patch:
        stop_after(allowed, patch)
        try:
            extract(store, names, shard_length=1)
        except Killed:
            return True
    return False


def stop_after(allowed, patch, but=""):
    """Let only so many things be written or deleted, by zarr and as files of their own."""
    left = iter(range(allowed))

    def count():
        if next(left, None) is None:
            raise Killed

    def counting(method):
        async def write(self, *arguments, **options):
            count()
            return await method(self, *arguments, **options)

        return write

    def counting_files(function):
        def write(*arguments):
            count()
            return function(*arguments)

        return write

    for name in ("set", "set_if_not_exists", "delete", "delete_dir"):
        patch.setattr(
            zarr.storage.LocalStore, name, counting(getattr(zarr.storage.LocalStore, name))
        )
    for name in {"put_atomic", "remove_object"} - {but}:
        patch.setattr(batches, name, counting_files(getattr(batches, name)))
