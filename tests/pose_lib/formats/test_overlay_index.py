"""Only what the program wrote is ever removed."""

import pytest

from pose_lib.errors import InputError
from pose_lib.formats.overlay_index import (
    OVERLAY_LIST,
    read_overlay_list,
    remove_overlays,
    write_overlay_list,
)


def test_a_list_comes_back_and_a_folder_without_one_has_none(tmp_path):
    assert read_overlay_list(tmp_path) == frozenset()
    write_overlay_list(tmp_path, ["b.jpg", "a/c.jpg"])
    assert read_overlay_list(tmp_path) == {"a/c.jpg", "b.jpg"}


def test_emptied_folders_go_and_those_with_other_files_stay(tmp_path):
    for name in ("a/b/c.jpg", "d/e.jpg", "d/mine.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    remove_overlays(tmp_path, ["a/b/c.jpg", "d/e.jpg", "gone/f.jpg"])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["d", "mine.txt"]


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '["../outside.jpg"]', '["/outside.jpg"]', "[" * 100_000]
)
def test_a_list_that_is_damaged_or_names_other_places_removes_nothing(tmp_path, content):
    (tmp_path / OVERLAY_LIST).write_text(content)
    with pytest.raises(InputError, match=r"poselift-overlays\.json"):
        read_overlay_list(tmp_path)


def test_nothing_is_removed_through_a_link(tmp_path):
    mine, folder = tmp_path / "mine", tmp_path / "overlays"
    mine.mkdir()
    folder.mkdir()
    (mine / "photo.jpg").write_text("precious")
    (folder / "a").symlink_to(mine)
    with pytest.raises(InputError, match="remove the link"):
        remove_overlays(folder, ["a/photo.jpg"])
    assert (mine / "photo.jpg").exists()
