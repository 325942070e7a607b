"""A store before, during and after a run, and the settings it keeps."""

import json

import numpy as np
import pytest
import zarr
from made_up_people import some_keypoints
from made_up_store import PROVENANCE, digests_of, extract, write

from pose_lib.errors import InputError
from pose_lib.extract.image_result import ImageResult, join_results
from pose_lib.extract_config import ExtractConfig
from pose_lib.keypoints import ImageStatus, People
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.person_selection import PersonSelection
from pose_lib.recorded_config import read_settings, record_selection, record_settings
from pose_lib.skeleton import COCO_18
from pose_lib.store import (
    Provenance,
    known_digests,
    open_store,
    publish,
    read_choice,
    read_keypoints,
    read_ledger,
    read_worst,
    write_shard,
)
from pose_lib.store.lock import lock_store
from pose_lib.store.read import store_status

NAMES = tuple(f"day/{letter}.jpg" for letter in "abcdefgh")
DIGESTS = {"a.jpg": "a" * 32, "b.jpg": "b" * 32}


@pytest.fixture
def store(tmp_path):
    """A store in which one of two images is done."""
    path = tmp_path / "s.zarr"
    nobody = People(np.empty((0, 18, 3), np.float32), np.empty(0, np.float32))
    result = ImageResult(ImageStatus.NO_PERSON, nobody, (60, 40), "no person found", 0.1)
    open_store(path, Provenance("COCO_18", "weights"))
    keypoints = join_results(["a.jpg"], [result], COCO_18)
    write_shard(path, keypoints, [DIGESTS["a.jpg"]], np.zeros(1, np.float32))
    return path


@pytest.fixture
def made(tmp_path):
    """A store without results."""
    open_store(tmp_path / "made.zarr", PROVENANCE)
    return tmp_path / "made.zarr"


def hold(path):
    return lock_store(path, "flow run amber-fox", wait=0.0, tell=lambda *_: None)


def test_before_it_is_published_a_store_tells_what_is_done_and_who_is_at_it(store):
    with hold(store) as lease:
        lease.progress(1, 2)
        lease.confirm()
        found = store_status(store)
    assert found.ledger is None
    assert found.done["no person"] == 1
    assert str(found.holder).startswith("flow run amber-fox (process ")
    assert (found.holder.done, found.holder.total) == (1, 2)


def test_a_run_that_is_about_to_make_its_store_is_seen(tmp_path):
    with hold(tmp_path / "new.zarr"):
        assert store_status(tmp_path / "new.zarr").holder is not None
    with pytest.raises(InputError, match="no keypoint store"):
        store_status(tmp_path / "new.zarr")


def test_what_is_published_stays_to_be_seen_while_a_run_adds_to_it(store):
    publish(store, list(DIGESTS), DIGESTS)
    assert store_status(store).done is None
    with hold(store):
        found = store_status(store)
    assert found.ledger.counts()["failed"] == 1
    assert sum(found.done.values()) == 1


def test_settings_come_back_as_they_were(store):
    assert read_settings(store) is None
    config = ExtractConfig(openpose=OpenPoseConfig(input_height=176), images_per_shard=3)
    record_settings(store, config)
    assert read_settings(store) == config
    record_selection(store, PersonSelection("largest"))
    assert read_settings(store).selection == PersonSelection("largest")
    assert read_settings(store).images_per_shard == 3


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/a.jpg", "b/../../a.jpg", ""])
def test_names_that_would_leave_an_output_folder_are_refused(made, name):
    write(made, [name])
    publish(made, [name], digests_of([name]))
    with pytest.raises(InputError, match="not a relative path"):
        read_keypoints(made)


def test_a_store_that_was_never_published_says_so(made):
    write(made, NAMES)
    with pytest.raises(InputError, match="not complete; run extract"):
        read_keypoints(made)


def test_in_a_store_without_a_choice_everybody_is_chosen(made):
    extract(made, NAMES, choice=PersonSelection("score"))
    group = zarr.open_group(made)
    del group["people/chosen"]
    del group.attrs["person_choice"]
    assert read_keypoints(made).chosen.all()
    assert read_choice(made) == {}


def test_a_store_of_an_earlier_version_whose_zeros_were_never_written_is_read(made):
    extract(made, NAMES)
    folder = made / "people" / "image"
    about = json.loads((folder / "zarr.json").read_text()) | {"fill_value": 0}
    (folder / "zarr.json").write_text(json.dumps(about))
    (folder / "c" / "0").unlink()
    assert not read_keypoints(made).image.any()


@pytest.mark.parametrize("array", ["images/attempts", "images/seconds", "images/digest"])
def test_a_ledger_that_lost_a_file_is_refused(made, array):
    extract(made, NAMES)
    (made / array / "c" / "0").unlink()
    with pytest.raises(InputError, match="run extract again"):
        read_ledger(made)


def test_the_ledger_tells_of_each_image_what_it_took_without_the_people(made):
    extract(made, NAMES)
    ledger, people = read_ledger(made), some_keypoints(NAMES)
    assert (ledger.filename, ledger.reason) == (people.filename, people.reason)
    assert ledger.status.tolist() == people.status.tolist()
    assert ledger.digest == tuple(digests_of(NAMES).values())
    assert set(ledger.attempts.tolist()) == set(ledger.seconds.tolist()) == {1}
    assert (ledger.n_people, ledger.counts()) == (people.n_people, people.counts())


def test_the_worst_of_the_ledger_come_first_and_the_others_in_their_order(made):
    extract(made, NAMES)
    ledger = read_ledger(made)
    order = sorted(range(len(NAMES)), key=lambda row: -ledger.status[row])
    worst = read_worst(made, 5)
    assert worst.filename == tuple(ledger.filename[row] for row in order[:5])
    assert worst.digest == tuple(ledger.digest[row] for row in order[:5])
    assert worst.status.tolist() == ledger.status[order[:5]].tolist()
    assert read_worst(made, 1000).n_people == ledger.n_people
    assert read_worst(made, 1000).counts() == ledger.counts()


def test_digests_are_known_by_name_and_fingerprint_in_any_order(made):
    extract(made, NAMES)
    assert dict(known_digests(made)) == {}
    digests = digests_of(NAMES)
    fingerprints = {name: f"fingerprint of {name}" for name in NAMES[:-1]}
    publish(made, NAMES, digests, fingerprints=fingerprints)
    again = known_digests(made)
    assert dict(again) == {name: (fingerprints[name], digests[name]) for name in NAMES[:-1]}
    for name in (NAMES[3], NAMES[4], NAMES[1], NAMES[3]):
        assert again[name] == (fingerprints[name], digests[name])
    assert again.get(NAMES[-1]) is again.get("other") is again.get("zzz") is None
    assert not known_digests(made.with_name("none.zarr"))
