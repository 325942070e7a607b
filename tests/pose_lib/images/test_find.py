"""What counts as an image, in folders, patterns, lists and videos. Every picture is made here."""

import os
import signal

import numpy as np
import pytest
from made_pictures import picture, save_picture, save_video

from pose_lib.errors import InputError
from pose_lib.images import video
from pose_lib.images.find import find_images, mark_output


def test_names_are_relative_sorted_and_with_slashes(tmp_path):
    for name in ("b.jpg", "a/2.PNG", "a/1.jpg", "B.jpeg"):
        save_picture(tmp_path / name, picture())
    assert find_images(tmp_path).names == ("B.jpeg", "a/1.jpg", "a/2.PNG", "b.jpg")


def test_hidden_files_and_other_suffixes_are_passed_over(tmp_path):
    for name in ("a.jpg", ".hidden.jpg", ".cache/b.jpg"):
        save_picture(tmp_path / name, picture())
    (tmp_path / "notes.txt").write_text("no picture")
    assert find_images(tmp_path).names == ("a.jpg",)


def test_results_below_the_images_are_not_taken_for_photographs(tmp_path):
    for name in ("a.jpg", "results/overlays/a.jpg", "store.zarr/picture.png"):
        save_picture(tmp_path / name, picture())
    mark_output(tmp_path / "results/overlays")
    assert find_images(tmp_path).names == ("a.jpg",)
    assert find_images(tmp_path / "results/overlays").names == ("a.jpg",)  # unless named


def test_spaces_letters_of_all_scripts_and_equal_stems_are_fine(tmp_path):
    names = ("Straße 1.jpg", "two words.png", "two words.jpg", "写真/été.png")
    for name in names:
        save_picture(tmp_path / name, picture())
    source = find_images(tmp_path)
    assert source.names == tuple(sorted(names))
    assert all(source.read(name).shape == (48, 64, 3) for name in names)


def test_a_glob_pattern_names_images_from_its_last_plain_folder(tmp_path):
    for name in ("day 1/a.jpg", "day 2/b.jpg", "day 2/c.png"):
        save_picture(tmp_path / name, picture())
    source = find_images(f"{tmp_path}/*/*.jpg")
    assert source.names == ("day 1/a.jpg", "day 2/b.jpg")
    assert source.root == tmp_path


def test_a_folder_whose_name_looks_like_a_pattern_is_a_folder(tmp_path):
    save_picture(tmp_path / "set[1]" / "a.jpg", picture())
    assert find_images(tmp_path / "set[1]").names == ("a.jpg",)


def test_a_list_names_images_from_its_own_folder(tmp_path):
    for name in ("b.jpg", "a/1.jpg", "c.jpg"):
        save_picture(tmp_path / name, picture())
    (tmp_path / "some.txt").write_text("# chosen\r\n\r\nb.jpg\r\n  a/1.jpg\r\n./b.jpg\r\n")
    source = find_images(tmp_path / "some.txt")
    assert source.names == ("a/1.jpg", "b.jpg")
    assert source.root == tmp_path


def test_how_a_list_is_named_does_not_matter(tmp_path):
    save_picture(tmp_path / "photos/day/a.jpg", picture())
    (tmp_path / "photos/some.txt").write_text("day/a.jpg\n")
    for way in (tmp_path / "photos", tmp_path / "photos/day/.."):
        assert find_images(way / "some.txt").names == ("day/a.jpg",)
        assert find_images(way / "some.txt").root == tmp_path / "photos"


def test_a_list_of_images_that_lie_elsewhere_names_them_from_their_common_folder(tmp_path):
    for name in ("photos/day 1/a.jpg", "photos/day 2/b.jpg"):
        save_picture(tmp_path / name, picture())
    (tmp_path / "lists").mkdir()
    lines = f"../photos/day 1/a.jpg\n{tmp_path}/photos/day 2/b.jpg\n"
    (tmp_path / "lists/some.txt").write_text(lines)
    source = find_images(tmp_path / "lists/some.txt")
    assert source.names == ("day 1/a.jpg", "day 2/b.jpg")
    assert source.root == tmp_path / "photos"
    assert source.read("day 1/a.jpg").shape == (48, 64, 3)


def test_a_single_image_is_named_by_itself(tmp_path):
    save_picture(tmp_path / "a.jpg", picture())
    assert find_images(tmp_path / "a.jpg").names == ("a.jpg",)


def test_the_frames_of_a_video_are_images_in_any_order(tmp_path):
    save_video(tmp_path / "walk.avi", n_frames=12)
    source = find_images(tmp_path / "walk.avi")
    assert source.names[:2] == ("walk.avi/000000", "walk.avi/000001")
    assert len(source) == 12
    shades = {name: int(source.read(name).mean()) for name in reversed(source.names)}
    np.testing.assert_allclose([shades[n] for n in source.names], np.arange(12) * 20, atol=6)
    assert len(set(source.digests().values())) == 12


def test_a_video_that_is_none_is_one_clear_line(tmp_path):
    (tmp_path / "walk.mp4").write_text("no video")
    with pytest.raises(InputError, match=r"walk\.mp4 cannot be decoded"):
        find_images(tmp_path / "walk.mp4")


def ended_by_what_it_decodes(_memory):
    return lambda _path: os.kill(os.getpid(), signal.SIGSEGV)


def test_a_video_that_ends_its_decoders_process_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "_counting", ended_by_what_it_decodes)
    save_video(tmp_path / "walk.avi", n_frames=2)
    with pytest.raises(InputError, match=r"walk\.avi cannot be decoded: .* by SIGSEGV"):
        find_images(tmp_path / "walk.avi")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "there is no such path"),
        ("empty", "no image in .*empty: images end in .*jpg"),
        ("texts", "no image in .*texts"),
        ("texts/notes.md", "neither image nor video"),
        ("texts/notes.txt", r"notes\.txt, line 2: 'no picture' is no image by its suffix"),
        ("texts/nothing.txt", "names no image"),
        ("texts/gone.txt", r"of 2 images on the list .* none is there, such as .*b\.jpg.*relative"),
        ("texts/*.jpg", "no image or video matches"),
    ],
)
def test_nothing_to_read_is_one_clear_line(tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.md").write_text("no picture")
    (tmp_path / "texts" / "notes.txt").write_text("a.jpg\nno picture")
    (tmp_path / "texts" / "nothing.txt").write_text("# nothing\n\n")
    (tmp_path / "texts" / "gone.txt").write_text("c.jpg\nb.jpg\n")
    with pytest.raises(InputError, match=message) as raised:
        find_images(tmp_path / name)
    assert "\n" not in str(raised.value)
