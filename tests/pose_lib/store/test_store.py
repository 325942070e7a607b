"""Laws of the store: what is published depends on images and results, on nothing else."""

import hashlib
import re
import shutil

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_people import BEARTYPE_DRAWS, assert_same_keypoints, keypoints, some_keypoints
from mpii_mat import image_of, person_of, save_release

from pose_lib.errors import InputError
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.person_selection import EVERYBODY, PersonSelection
from pose_lib.store import (
    NO_RESULT,
    Provenance,
    choose_again,
    delete_store,
    finished,
    known_digests,
    open_store,
    publish,
    read_choice,
    read_image_root,
    read_keypoints,
    read_ledger,
    read_provenance,
    read_worst,
    write_shard,
)
from pose_lib.store.batches import part_names

pytestmark = pytest.mark.filterwarnings(BEARTYPE_DRAWS)
PROVENANCE = Provenance("COCO_18", "51f84ea8", {"height": 368, "scales": (1, 2)})
NAMES = tuple(f"day/{letter}.jpg" for letter in "abcdefgh")
in_one_folder = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None
)


def test_what_is_published_is_what_was_found(store):
    extract(store, NAMES)
    assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES))


@in_one_folder
@given(keypoints(skeletons=st.just(some_keypoints(()).skeleton)))
def test_any_keypoints_come_back_the_same(tmp_path_factory, people):
    store = tmp_path_factory.mktemp("any") / "s.zarr"
    open_store(store, PROVENANCE)
    digests = [f"digest {row}" for row in range(people.n_images)]
    write_shard(store, people, digests, np.zeros(people.n_images, np.float32))
    publish(store, people.filename, dict(zip(people.filename, digests, strict=True)))
    assert_same_keypoints(read_keypoints(store), people)


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8])
def test_how_the_images_were_cut_into_shards_does_not_matter(store, length):
    extract(store, NAMES, shard_length=length)
    assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES))


def test_the_order_in_which_shards_finish_does_not_matter(store):
    for names in (NAMES[5:], NAMES[:2], NAMES[2:5]):
        write(store, names)
    publish(store, NAMES, digests_of(NAMES))
    assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES))


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


def test_who_is_chosen_is_stored_and_everybody_stays(store):
    extract(store, NAMES, choice=PersonSelection("largest"))
    again = read_keypoints(store)
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


def test_choosing_again_needs_no_shard_and_is_as_if_chosen_so_at_first(store, tmp_path):
    extract(store, NAMES)
    assert read_keypoints(store).chosen.all()
    first = zarr.open_group(store).attrs["published"]
    shutil.rmtree(store / "shards")
    returned = choose_again(store, PersonSelection("score"))
    assert_same_keypoints(read_keypoints(store), returned)
    assert zarr.open_group(store).attrs["published"] != first
    open_store(tmp_path / "other.zarr", PROVENANCE)
    at_first = extract(tmp_path / "other.zarr", NAMES, choice=PersonSelection("score"))
    assert_same_keypoints(returned, at_first)
    assert read_choice(store) == read_choice(tmp_path / "other.zarr")


def test_the_choice_of_an_earlier_run_is_forgotten(store):
    extract(store, NAMES, choice=PersonSelection("score"))
    extract(store, NAMES)
    assert read_keypoints(store).chosen.all()
    assert read_choice(store)["rule"] == "all"


def test_in_a_store_without_a_choice_everybody_is_chosen(store):
    extract(store, NAMES, choice=PersonSelection("score"))
    group = zarr.open_group(store)
    del group["people/chosen"]
    del group.attrs["person_choice"]
    assert read_keypoints(store).chosen.all()
    assert read_choice(store) == {}


def test_annotations_of_other_images_change_nothing_and_are_named(store, tmp_path):
    extract(store, NAMES, choice=PersonSelection("score"))
    before = read_keypoints(store)
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


def test_attributes_say_where_the_keypoints_come_from(store):
    extract(store, NAMES, root="photos")
    attrs = dict(zarr.open_group(store, mode="r").attrs)
    assert attrs["schema"] == "poselift-keypoints/1"
    assert attrs["joints"][4] == "right_wrist"
    assert attrs["weights"] == "51f84ea8"
    assert {"frame", "config", "package_version", "skeleton"} <= set(attrs)
    assert read_provenance(store) == PROVENANCE
    assert str(read_image_root(store)) == "photos"


def test_new_and_changed_images_are_all_that_needs_work(store):
    extract(store, NAMES[:4])
    digests = digests_of(NAMES) | {NAMES[0]: "changed"}
    assert set(digests.values()) - known(store) == {
        "changed",
        *(digests[name] for name in NAMES[4:]),
    }


def test_an_added_image_joins_the_published_ones(store):
    extract(store, NAMES[::2])
    extract(store, NAMES)
    assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES))


def test_a_removed_image_is_published_no_more(store):
    extract(store, NAMES)
    extract(store, NAMES[3:])
    assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES[3:]))


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


def test_a_renamed_image_needs_no_work(store):
    extract(store, NAMES[:2])
    digests = {"z.jpg": digests_of(NAMES)[NAMES[0]]}
    publish(store, ["z.jpg"], digests)
    np.testing.assert_array_equal(read_keypoints(store).keypoints, found_in(NAMES[0]))


def test_images_of_equal_content_share_one_result(store):
    extract(store, NAMES[:1])
    digest = digests_of(NAMES)[NAMES[0]]
    publish(store, NAMES, dict.fromkeys(NAMES, digest))
    published = read_keypoints(store)
    for row in range(len(NAMES)):
        np.testing.assert_array_equal(published.people(row).keypoints, found_in(NAMES[0]))


def test_an_image_without_a_result_has_its_row_and_is_tried_again(store):
    write(store, NAMES[1:])
    published = publish(store, NAMES, digests_of(NAMES))
    assert published.status[0] == ImageStatus.FAILED
    assert published.reason[0] == NO_RESULT
    assert digests_of(NAMES)[NAMES[0]] not in known(store)


def test_success_after_failure_replaces_it_and_failure_after_success_does_not(store):
    for first, second in (("failed", "fine"), ("fine", "failed")):
        delete_store(store)
        open_store(store, PROVENANCE)
        for attempt in (first, second):
            write(store, NAMES, failed=attempt == "failed")
        publish(store, NAMES, digests_of(NAMES))
        assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES))


def test_a_task_that_runs_twice_changes_nothing(store):
    for _ in range(2):
        write(store, NAMES)
    publish(store, NAMES, digests_of(NAMES))
    assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES))
    assert len(shards_of(store)) == 1


def test_shards_that_no_image_needs_go_after_publishing_not_before(store):
    extract(store, NAMES, shard_length=4)
    publish(store, NAMES[:4], digests_of(NAMES))
    assert len(shards_of(store)) == 1


def test_many_small_runs_do_not_pile_up_shards(store, monkeypatch):
    monkeypatch.setattr("pose_lib.store.publication._MOST_SHARDS", 3)
    for count in range(1, len(NAMES) + 1):
        write(store, NAMES[count - 1 : count])
        publish(store, NAMES[:count], digests_of(NAMES))
        assert len(shards_of(store)) <= 3
    assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES))


def test_killed_at_any_write_nothing_is_lost_and_the_next_run_mends_it(tmp_path, monkeypatch):
    """Kill a run after every fifth number of writes, then go on as a second run would."""
    names = NAMES[:2]
    for allowed in range(0, 300, 5):
        store = tmp_path / f"{allowed}.zarr"
        killed = run_with_writes(store, names, allowed, monkeypatch)
        complete_or_said_so(store, names)
        extract(store, names)
        assert_same_keypoints(read_keypoints(store), some_keypoints(names))
        if not killed:
            return
    pytest.fail("the run never came to its end")


def test_killed_while_publishing_again_no_shard_is_computed_twice(tmp_path, monkeypatch):
    store = tmp_path / "s.zarr"
    extract(store, NAMES)
    for allowed in range(0, 40, 7):
        with monkeypatch.context() as patch:
            stop_after(allowed, patch)
            with pytest.raises(Killed):
                publish(store, NAMES, digests_of(NAMES), stamps={NAMES[0]: str(allowed)})
        assert known(store) == set(digests_of(NAMES).values())


def test_a_shard_half_deleted_is_no_result(store, monkeypatch):
    async def half(self, prefix):
        if prefix.startswith("shards/"):
            shutil.rmtree(self.root / prefix / "people")
            raise Killed
        await delete(self, prefix)

    extract(store, NAMES)
    delete = zarr.storage.LocalStore.delete_dir
    with monkeypatch.context() as patch:
        patch.setattr(zarr.storage.LocalStore, "delete_dir", half)
        with pytest.raises(Killed):
            publish(store, NAMES[:2], digests_of(NAMES))
    extract(store, NAMES)
    assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES))


def test_a_store_that_was_never_published_says_so(store):
    write(store, NAMES)
    with pytest.raises(InputError, match="not complete; run extract"):
        read_keypoints(store)


def test_another_setting_is_refused_with_what_differs(store):
    open_store(store, PROVENANCE)
    other = Provenance("COCO_18", "51f84ea8", {"height": 256, "scales": [1, 2]})
    with pytest.raises(InputError, match=r"config\.height is 368 there and 256 here.*--overwrite"):
        open_store(store, other)


def test_a_store_is_deleted_but_nothing_else_ever_is(store, tmp_path):
    delete_store(store)
    assert not store.exists()
    delete_store(store)
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_text("dear to somebody")
    with pytest.raises(InputError, match="no keypoint store"):
        delete_store(photos)
    assert (photos / "a.jpg").exists()


def test_what_is_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("x")
    for path in (tmp_path / "file", tmp_path / "folder"):
        with pytest.raises(InputError, match=f"{path.name} is there but is no keypoint store"):
            open_store(path, PROVENANCE)
    with pytest.raises(InputError, match="cannot write the store"):
        open_store(tmp_path / "file" / "s.zarr", PROVENANCE)


def test_no_store_another_schema_and_damage_are_one_clear_line(store, tmp_path):
    extract(store, NAMES)
    with pytest.raises(InputError, match="there is no keypoint store"):
        read_keypoints(tmp_path / "missing.zarr")
    (store / "people/keypoints/c/0/0/0").write_bytes(b"junk")
    with pytest.raises(InputError, match="damaged"):
        read_keypoints(store)
    zarr.open_group(store, mode="r+").attrs["schema"] = "poselift-keypoints/0"
    with pytest.raises(InputError, match="poselift-keypoints/0"):
        read_keypoints(store)


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/a.jpg", "b/../../a.jpg", ""])
def test_names_that_would_leave_an_output_folder_are_refused(store, name):
    write(store, [name])
    publish(store, [name], digests_of([name]))
    with pytest.raises(InputError, match="not a relative path"):
        read_keypoints(store)


def test_a_straggler_that_writes_into_a_deleted_shard_does_no_harm(store):
    extract(store, NAMES)
    late = zarr.open_group(store, mode="r+").create_group("shards/late")
    late.create_group("people")
    late.attrs["done"] = True
    extract(store, NAMES)
    assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES))


def test_publishing_again_writes_nothing_where_nothing_changed(store, monkeypatch):
    extract(store, NAMES)
    with monkeypatch.context() as patch:
        stop_after(0, patch)
        ledger = publish(store, NAMES, digests_of(NAMES))
    assert ledger.counts() == some_keypoints(NAMES).counts()
    choose_again(store, PersonSelection("score"))
    assert extract(store, NAMES).chosen.all()


def test_the_ledger_tells_of_each_image_what_it_took_without_the_people(store):
    extract(store, NAMES)
    ledger, people = read_ledger(store), some_keypoints(NAMES)
    assert (ledger.filename, ledger.reason) == (people.filename, people.reason)
    assert ledger.status.tolist() == people.status.tolist()
    assert ledger.digest == tuple(digests_of(NAMES).values())
    assert set(ledger.attempts.tolist()) == set(ledger.seconds.tolist()) == {1}
    assert (ledger.n_people, ledger.counts()) == (people.n_people, people.counts())


def test_the_worst_of_the_ledger_come_first_and_the_others_in_their_order(store):
    extract(store, NAMES)
    ledger = read_ledger(store)
    order = sorted(range(len(NAMES)), key=lambda row: -ledger.status[row])
    worst = read_worst(store, 5)
    assert worst.filename == tuple(ledger.filename[row] for row in order[:5])
    assert worst.digest == tuple(ledger.digest[row] for row in order[:5])
    assert worst.status.tolist() == ledger.status[order[:5]].tolist()
    assert read_worst(store, 1000).n_people == ledger.n_people
    assert read_worst(store, 1000).counts() == ledger.counts()


def test_digests_are_known_by_name_and_stamp_in_any_order(store):
    extract(store, NAMES)
    assert dict(known_digests(store)) == {}
    digests = digests_of(NAMES)
    stamps = {name: f"stamp of {name}" for name in NAMES[:-1]}
    publish(store, NAMES, digests, stamps=stamps)
    again = known_digests(store)
    assert dict(again) == {name: (stamps[name], digests[name]) for name in NAMES[:-1]}
    for name in (NAMES[3], NAMES[4], NAMES[1], NAMES[3]):
        assert again[name] == (stamps[name], digests[name])
    assert again.get(NAMES[-1]) is again.get("other") is again.get("zzz") is None
    assert not known_digests(store.with_name("none.zarr"))


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "s.zarr"
    open_store(path, PROVENANCE)
    return path


@pytest.mark.parametrize("first", [1, 4, 7])
def test_parts_whose_results_are_all_in_a_larger_one_are_not_kept(store, first):
    open_store(store, PROVENANCE)
    for names in (NAMES[:first], NAMES[first:], NAMES):
        write(store, names)
    publish(store, NAMES, digests_of(NAMES))
    assert len(part_names(store)) == 1
    assert_same_keypoints(read_keypoints(store), some_keypoints(NAMES))


def test_what_a_killed_writer_leaves_of_a_file_is_removed(store):
    extract(store, NAMES)
    for folder in (".", "images", "people", "shards"):
        (store / folder / "zarr.0123abcd.partial").write_bytes(b"{")
    publish(store, NAMES, digests_of(NAMES))
    assert not list(store.rglob("*.partial"))


def extract(store, names, shard_length=3, root=None, choice=EVERYBODY):
    """Do what a run does, in this process."""
    open_store(store, PROVENANCE)
    missing = [name for name in names if digests_of(names)[name] not in known(store)]
    for start in range(0, len(missing), shard_length):
        write(store, missing[start : start + shard_length])
    publish(store, names, digests_of(names), root=root, choice=choice)
    return read_keypoints(store)


def write(store, names, seed=0, suffix="", *, failed=False):
    people = failures(names) if failed else some_keypoints(names, seed)
    digests = digests_of(names, suffix)
    write_shard(store, people, [digests[n] for n in names], np.ones(len(names), np.float32))


def failures(names):
    return Keypoints(
        skeleton=some_keypoints(()).skeleton,
        filename=tuple(names),
        size=np.zeros((len(names), 2), np.int32),
        status=np.full(len(names), ImageStatus.FAILED, np.int64),
        reason=("out of memory",) * len(names),
        keypoints=np.zeros((0, 18, 3), np.float32),
        image=np.zeros(0, np.int64),
        score=np.zeros(0, np.float32),
    )


def known(store):
    return {digest.decode() for digest in finished(store).digest}


def digests_of(names, suffix=""):
    return {name: f"digest of {name}{suffix}" for name in names}


def found_in(name):
    return some_keypoints([name]).keypoints


def shards_of(store):
    return [path.name for path in (store / "shards").iterdir() if path.is_dir()]


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
            extract(store, names)
        except Killed:
            return True
    return False


def stop_after(allowed, patch):
    left = iter(range(allowed))

    def counting(method):
        async def write(self, *arguments, **options):
            if next(left, None) is None:
                raise Killed
            return await method(self, *arguments, **options)

        return write

    for name in ("set", "set_if_not_exists", "delete", "delete_dir"):
        patch.setattr(
            zarr.storage.LocalStore, name, counting(getattr(zarr.storage.LocalStore, name))
        )
