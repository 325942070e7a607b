"""Images that lie at a URL are found and read as local ones are."""

import uuid

import cv2
import numpy as np
import pytest
from made_pictures import save_video

from pose_lib.errors import InputError
from pose_lib.files.atomic_write import write_all_inside, write_atomic, write_inside
from pose_lib.files.local_copy import local_copy
from pose_lib.files.locations import files_under, location
from pose_lib.files.safe_names import fitting_name
from pose_lib.images.decode import ImageTooLarge
from pose_lib.images.find import find_images
from pose_lib.images.source import ChangedImage, ImageSource


@pytest.fixture
def folder():
    """A folder in memory, by URL."""
    return location(f"memory://{uuid.uuid4().hex}/photos")


def picture(shade=90):
    return cv2.imencode(".png", np.full((48, 64, 3), shade, np.uint8))[1].tobytes()


def fill(folder, *names):
    for name in names:
        (folder / name).fs.pipe_file(f"{folder.path}/{name}", picture())


def test_a_folder_is_searched_to_all_depths_without_what_is_hidden_or_ours(folder):
    fill(folder, "b.png", "a/1.PNG", ".hidden.png", ".cache/c.png", "k.zarr/d.png", "out/e.png")
    fill(folder, "notes.txt", "out/.poselift-output")
    source = find_images(str(folder))
    assert source.names == ("a/1.PNG", "b.png")
    assert source.root == folder
    np.testing.assert_array_equal(source.read("a/1.PNG"), np.full((48, 64, 3), 90))


def test_a_pattern_one_image_and_a_list_name_the_same_images(folder):
    fill(folder, "day 1/a.png", "day 2/b.png", "day 2/c.jpg")
    assert find_images(f"{folder}/day */*.png").names == ("day 1/a.png", "day 2/b.png")
    assert find_images(f"{folder}/day 2/b.png").names == ("b.png",)
    (folder / "some.txt").write_bytes(b"# chosen\nday 2/c.jpg\nday 1/a.png\n")
    assert find_images(f"{folder}/some.txt").names == ("day 1/a.png", "day 2/c.jpg")


def test_a_local_list_may_name_urls(folder, tmp_path):
    fill(folder, "day 1/a.png", "day 2/b.png")
    listed = tmp_path / "some.txt"
    listed.write_text(f"{folder}/day 1/a.png\n{folder}/day 2/b.png\n")
    source = find_images(listed)
    assert (str(source.root), source.names) == (str(folder), ("day 1/a.png", "day 2/b.png"))
    listed.write_text(f"{folder}/day 1/a.png\nhere.png\n")
    with pytest.raises(InputError, match="several storages"):
        find_images(listed)


def test_nothing_there_is_one_clear_line(folder):
    fill(folder, "notes.md")
    for name, told in (
        ("", "no image in"),
        ("/gone", "there is no such path"),
        ("/*.png", "match"),
    ):
        with pytest.raises(InputError, match=told):
            find_images(f"{folder}{name}")


@pytest.mark.parametrize("key", ["../x.png", "a//b.png", "a/./b.png", "a\0b.png", "/c.png"])
def test_keys_that_no_file_could_have_are_refused(folder, key):
    fill(folder, "fine.png")
    folder.fs.store[f"{folder.path}/{key}"] = folder.fs.store[f"{folder.path}/fine.png"]
    with pytest.raises(InputError, match=r"1 file names are not valid UTF-8 or not plain"):
        find_images(str(folder))


def test_only_files_whose_fingerprint_changed_are_read_again(folder, monkeypatch):
    fill(folder, "a.png", "b.png")
    source = find_images(str(folder))
    fingerprints = source.fingerprints()
    known = {name: (fingerprints[name], f"hash of {name}") for name in source.names}
    assert source.digests(fingerprints, known) == {n: f"hash of {n}" for n in source.names}
    (folder / "b.png").fs.pipe_file((folder / "b.png").path, picture(10))
    again = find_images(str(folder))
    digests = again.digests(again.fingerprints(), known)
    assert digests["a.png"] == "hash of a.png"
    assert digests["b.png"] == again.digest("b.png") != "hash of b.png"


def test_a_local_file_that_has_just_changed_has_no_fingerprint_to_be_trusted(tmp_path):
    (tmp_path / "a.png").write_bytes(picture())
    assert find_images(tmp_path).fingerprints() == {"a.png": ""}


def test_an_image_that_changed_or_went_since_is_neither_read_nor_unreadable(folder):
    fill(folder, "a.png", "b.png")
    source = find_images(str(folder))
    digests = source.digests()
    assert source.read("a.png", digest=digests["a.png"]).shape == (48, 64, 3)
    folder.fs.pipe_file(f"{folder.path}/a.png", picture(10))
    folder.fs.rm(f"{folder.path}/b.png")
    for name in source.names:
        with pytest.raises(ChangedImage, match="changed or deleted while the run went on"):
            source.read(name, digest=digests[name])


def test_a_file_larger_than_any_allowed_picture_is_not_read(folder):
    folder.fs.pipe_file(f"{folder.path}/a.png", bytes(17_000_000))
    with pytest.raises(ImageTooLarge, match="above the limit"):
        ImageSource(folder, ("a.png",), max_pixels=1000).read("a.png")


def test_a_video_is_fetched(folder, tmp_path):
    save_video(tmp_path / "walk.avi", n_frames=3)
    folder.fs.pipe_file(f"{folder.path}/walk.avi", (tmp_path / "walk.avi").read_bytes())
    source = find_images(f"{folder}/walk.avi")
    assert len(source) == 3
    shades = [int(source.read(name).mean()) for name in source.names]
    np.testing.assert_allclose(shades, [0, 20, 40], atol=6)


def test_what_is_written_is_there_whole_and_comes_back(folder):
    write_atomic(folder / "a.txt", b"old")
    write_all_inside(folder, [("a.txt", b"new"), ("b/c.txt", b"more")])
    assert files_under(folder) == ["a.txt", "b/c.txt"]
    with local_copy(folder) as copy, local_copy(folder / "b" / "c.txt") as file:
        assert (copy / "a.txt").read_bytes() == b"new"
        assert file.read_bytes() == b"more"
    long = "é" * 300 + ".jpg"
    assert write_inside(folder, long, b"").name == fitting_name(long) != long
