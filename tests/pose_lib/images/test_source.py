"""Images by their names: hashes, sizes and pictures."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from made_pictures import picture, save_picture
from PIL import Image

from pose_lib.images.decode import UnreadableImage
from pose_lib.images.find import find_images
from pose_lib.images.source import ImageSource, image_sizes


def test_an_image_on_a_list_that_is_not_there_is_unreadable_and_the_others_are_read(tmp_path):
    save_picture(tmp_path / "a.jpg", picture())
    (tmp_path / "some.txt").write_text("a.jpg\ngone.jpg\n")
    source = find_images(tmp_path / "some.txt")
    assert source.read("a.jpg").shape == (48, 64, 3)
    with pytest.raises(UnreadableImage, match="cannot be opened: No such file"):
        source.read("gone.jpg")


def test_sizes_come_from_the_headers_and_are_zero_where_no_image_is(tmp_path):
    save_picture(tmp_path / "a.png", picture())
    (tmp_path / "b.jpg").write_text("no picture")
    sizes = image_sizes(tmp_path, ["a.png", "b.jpg", "gone.jpg"])
    np.testing.assert_array_equal(sizes, [[64, 48], [0, 0], [0, 0]])
    assert image_sizes(tmp_path, []).shape == (0, 2)


def test_the_digest_follows_content_not_name(tmp_path):
    save_picture(tmp_path / "a.png", picture())
    save_picture(tmp_path / "b.png", picture())
    save_picture(tmp_path / "c.png", picture()[::-1])
    digests = find_images(tmp_path).digests()
    assert digests["a.png"] == digests["b.png"] != digests["c.png"]


def test_each_of_many_images_gets_the_digest_of_its_own_content(tmp_path):
    for number in range(1000):
        (tmp_path / f"{number:03}.png").write_text(str(number))
    source = find_images(tmp_path)
    assert list(source.digests().items()) == [(name, source.digest(name)) for name in source.names]
    assert source.only(()).digests() == {}


def test_a_file_that_cannot_be_opened_is_unreadable_and_has_a_digest_of_its_own(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).symlink_to(tmp_path / "gone.jpg")
    source = find_images(tmp_path)
    assert len(set(source.digests().values())) == 2
    with pytest.raises(UnreadableImage, match="cannot be opened"):
        source.read("a.jpg")


def test_a_source_is_small_when_sent_to_a_worker(tmp_path):
    save_picture(tmp_path / "a.jpg", picture())
    source = find_images(tmp_path)
    source.read("a.jpg")
    sent = pickle.dumps(source)
    assert len(sent) < 1000
    assert pickle.loads(sent) == source  # noqa: S301 - our own bytes


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_size_of_a_reduced_photograph_is_that_of_the_upright_one(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (401, 301)).save(tmp_path / "a.jpg", exif=exif)
    source = find_images(tmp_path)
    reduced = replace(source, min_side=100)
    height, width = reduced.read("a.jpg").shape[:2]
    assert min(height, width) == 151
    assert reduced.full_size("a.jpg", (width, height)) == source.read("a.jpg").shape[1::-1]


def test_of_a_reduced_photograph_that_is_nearly_square_the_size_is_not_swapped(tmp_path):
    Image.new("RGB", (400, 399)).save(tmp_path / "a.jpg")
    reduced = replace(find_images(tmp_path), min_side=40)
    assert reduced.read("a.jpg").shape == (50, 50, 3)
    assert reduced.full_size("a.jpg", (50, 50)) == (400, 399)


def test_the_size_of_a_file_that_went_away_is_not_known(tmp_path):
    source = ImageSource(tmp_path, ("a.jpg",), min_side=100)
    with pytest.raises(UnreadableImage, match="cannot be opened"):
        source.full_size("a.jpg", (50, 50))
