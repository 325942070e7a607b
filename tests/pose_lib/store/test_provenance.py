"""A store as a whole: made, refused, deleted."""

import pytest
import zarr
from made_up_store import PROVENANCE, extract

from pose_lib.errors import InputError
from pose_lib.store import (
    Provenance,
    delete_store,
    open_store,
    read_image_root,
    read_keypoints,
    read_provenance,
)

NAMES = ("day/a.jpg", "day/b.jpg")


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "s.zarr"
    open_store(path, PROVENANCE)
    return path


def test_attributes_say_where_the_keypoints_come_from(store):
    extract(store, NAMES, root="photos")
    attrs = dict(zarr.open_group(store, mode="r").attrs)
    assert attrs["schema"] == "poselift-keypoints/1"
    assert attrs["joints"][4] == "right_wrist"
    assert attrs["weights"] == "51f84ea8"
    assert {"frame", "config", "package_version", "skeleton"} <= set(attrs)
    assert read_provenance(store) == PROVENANCE
    assert str(read_image_root(store)) == "photos"


def test_another_setting_is_refused_with_what_differs(store):
    open_store(store, PROVENANCE)
    other = Provenance("COCO_18", "51f84ea8", {"height": 256, "scales": [1, 2]})
    with pytest.raises(InputError, match=r"config\.height is 368 there and 256 here.*--overwrite"):
        open_store(store, other)


def test_a_store_is_deleted_but_nothing_else_ever_is(store, tmp_path):
    extract(store, NAMES)
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
