"""What counts as an image, and what is read from it. Every picture is made here."""

import io
import os
import pickle
import signal
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from pose_lib.errors import InputError
from pose_lib.images import video
from pose_lib.images.decode import UnreadableImage, decode_image
from pose_lib.images.find import find_images, mark_output
from pose_lib.images.source import ImageSource, image_sizes


def test_names_are_relative_sorted_and_with_slashes(tmp_path):
    for name in ("b.jpg", "a/2.PNG", "a/1.jpg", "B.jpeg"):
        save(tmp_path / name, picture())
    assert find_images(tmp_path).names == ("B.jpeg", "a/1.jpg", "a/2.PNG", "b.jpg")


def test_hidden_files_and_other_suffixes_are_passed_over(tmp_path):
    for name in ("a.jpg", ".hidden.jpg", ".cache/b.jpg"):
        save(tmp_path / name, picture())
    (tmp_path / "notes.txt").write_text("no picture")
    assert find_images(tmp_path).names == ("a.jpg",)


def test_results_below_the_images_are_not_taken_for_photographs(tmp_path):
    for name in ("a.jpg", "results/overlays/a.jpg", "store.zarr/picture.png"):
        save(tmp_path / name, picture())
    mark_output(tmp_path / "results/overlays")
    assert find_images(tmp_path).names == ("a.jpg",)
    assert find_images(tmp_path / "results/overlays").names == ("a.jpg",)  # unless named


def test_spaces_letters_of_all_scripts_and_equal_stems_are_fine(tmp_path):
    names = ("Straße 1.jpg", "two words.png", "two words.jpg", "写真/été.png")
    for name in names:
        save(tmp_path / name, picture())
    source = find_images(tmp_path)
    assert source.names == tuple(sorted(names))
    assert all(source.read(name).shape == (48, 64, 3) for name in names)


def test_a_glob_pattern_names_images_from_its_last_plain_folder(tmp_path):
    for name in ("day 1/a.jpg", "day 2/b.jpg", "day 2/c.png"):
        save(tmp_path / name, picture())
    source = find_images(f"{tmp_path}/*/*.jpg")
    assert source.names == ("day 1/a.jpg", "day 2/b.jpg")
    assert source.root == tmp_path


def test_a_folder_whose_name_looks_like_a_pattern_is_a_folder(tmp_path):
    save(tmp_path / "set[1]" / "a.jpg", picture())
    assert find_images(tmp_path / "set[1]").names == ("a.jpg",)


def test_a_list_names_images_from_its_own_folder(tmp_path):
    for name in ("b.jpg", "a/1.jpg", "c.jpg"):
        save(tmp_path / name, picture())
    (tmp_path / "some.txt").write_text("# chosen\r\n\r\nb.jpg\r\n  a/1.jpg\r\n./b.jpg\r\n")
    source = find_images(tmp_path / "some.txt")
    assert source.names == ("a/1.jpg", "b.jpg")
    assert source.root == tmp_path


def test_how_a_list_is_named_does_not_matter(tmp_path):
    save(tmp_path / "photos/day/a.jpg", picture())
    (tmp_path / "photos/some.txt").write_text("day/a.jpg\n")
    for way in (tmp_path / "photos", tmp_path / "photos/day/.."):
        assert find_images(way / "some.txt").names == ("day/a.jpg",)
        assert find_images(way / "some.txt").root == tmp_path / "photos"


def test_a_list_of_images_that_lie_elsewhere_names_them_from_their_common_folder(tmp_path):
    for name in ("photos/day 1/a.jpg", "photos/day 2/b.jpg"):
        save(tmp_path / name, picture())
    (tmp_path / "lists").mkdir()
    lines = f"../photos/day 1/a.jpg\n{tmp_path}/photos/day 2/b.jpg\n"
    (tmp_path / "lists/some.txt").write_text(lines)
    source = find_images(tmp_path / "lists/some.txt")
    assert source.names == ("day 1/a.jpg", "day 2/b.jpg")
    assert source.root == tmp_path / "photos"
    assert source.read("day 1/a.jpg").shape == (48, 64, 3)


def test_an_image_on_a_list_that_is_not_there_is_unreadable_and_the_others_are_read(tmp_path):
    save(tmp_path / "a.jpg", picture())
    (tmp_path / "some.txt").write_text("a.jpg\ngone.jpg\n")
    source = find_images(tmp_path / "some.txt")
    assert source.read("a.jpg").shape == (48, 64, 3)
    with pytest.raises(UnreadableImage, match="cannot be opened: No such file"):
        source.read("gone.jpg")


def test_sizes_come_from_the_headers_and_are_zero_where_no_image_is(tmp_path):
    save(tmp_path / "a.png", picture())
    (tmp_path / "b.jpg").write_text("no picture")
    sizes = image_sizes(tmp_path, ["a.png", "b.jpg", "gone.jpg"])
    np.testing.assert_array_equal(sizes, [[64, 48], [0, 0], [0, 0]])
    assert image_sizes(tmp_path, []).shape == (0, 2)


def test_a_single_image_is_named_by_itself(tmp_path):
    save(tmp_path / "a.jpg", picture())
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


def test_the_digest_follows_content_not_name(tmp_path):
    save(tmp_path / "a.png", picture())
    save(tmp_path / "b.png", picture())
    save(tmp_path / "c.png", picture()[::-1])
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
    save(tmp_path / "a.jpg", picture())
    source = find_images(tmp_path)
    source.read("a.jpg")
    sent = pickle.dumps(source)
    assert len(sent) < 1000
    assert pickle.loads(sent) == source  # noqa: S301 - our own bytes


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
def test_png_of_every_kind_is_read_as_bgr(mode):
    image = Image.fromarray(grey_picture()).convert("RGB").convert(mode)
    np.testing.assert_allclose(decode_image(encoded(image, "PNG")), bgr_of(image), atol=1)


def test_transparency_does_not_change_the_colors():
    rgba = np.dstack([picture()[..., ::-1], np.full((48, 64), 10, np.uint8)])
    np.testing.assert_array_equal(decode_image(encoded(Image.fromarray(rgba), "PNG")), picture())


def test_sixteen_bits_are_scaled_to_eight():
    deep = grey_picture().astype(np.uint16) * 257
    read = decode_image(encoded(Image.fromarray(deep), "PNG"))
    np.testing.assert_allclose(read, np.dstack([grey_picture()] * 3), atol=1)


def test_a_cmyk_jpeg_has_its_colors():
    image = Image.fromarray(picture()[..., ::-1]).convert("CMYK")
    assert np.abs(decode_image(encoded(image, "JPEG", quality=95)) - bgr_of(image)).mean() < 6


@pytest.mark.parametrize(("orientation", "quarter_turns"), [(3, 2), (6, 3), (8, 1)])
def test_a_photograph_taken_sideways_is_read_upright(orientation, quarter_turns):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(picture()[..., ::-1])
    upright = decode_image(encoded(image, "JPEG", exif=exif, quality=95))
    wanted = np.rot90(picture(), quarter_turns)
    assert upright.shape == wanted.shape
    assert np.abs(upright.astype(int) - wanted).mean() < 6


@pytest.mark.parametrize(("min_side", "parts"), [(48, 1), (25, 1), (24, 2), (12, 4), (1, 8)])
def test_a_large_jpeg_is_read_smaller_but_no_smaller_than_asked(min_side, parts):
    content = encoded(Image.fromarray(picture()[..., ::-1]), "JPEG", quality=95)
    assert decode_image(content, min_side=min_side).shape == (48 // parts, 64 // parts, 3)
    png = encoded(Image.fromarray(picture()), "PNG")
    assert decode_image(png, min_side=min_side).shape == (48, 64, 3)


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


@pytest.mark.parametrize("shape", [(1, 1), (16, 12_000), (12_000, 16)])
def test_tiny_and_very_wide_images_are_read_as_they_are(shape):
    content = encoded(Image.fromarray(np.zeros(shape, np.uint8)), "PNG")
    assert decode_image(content).shape == (*shape, 3)


def test_too_many_pixels_are_refused_before_decoding():
    huge = encoded(Image.new("L", (12_000, 12_000)), "PNG")
    start = time.perf_counter()
    with pytest.raises(UnreadableImage, match="12000 x 12000 pixels are more than the limit"):
        decode_image(huge, max_pixels=1_000_000)
    assert time.perf_counter() - start < 0.1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"this is a letter", "not an image"),
        (b"\xff\xd8\xff", "not an image"),
        (b"%PDF-1.4 and so on", "not an image"),
    ],
)
def test_a_file_that_holds_no_picture_says_so(content, reason):
    with pytest.raises(UnreadableImage, match=reason):
        decode_image(content)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.98])
def test_a_file_that_is_cut_short_is_never_half_a_picture(kind, share, capfd):
    content = encoded(Image.fromarray(noise()), kind)
    with pytest.raises(UnreadableImage) as raised:
        decode_image(content[: int(share * len(content))])
    assert "\n" not in str(raised.value)
    assert capfd.readouterr().err == ""


def test_fill_bytes_between_the_segments_of_a_jpeg_are_fine():
    _, encoded = cv2.imencode(".jpg", picture())
    content = encoded.tobytes()
    second_marker = 4 + int.from_bytes(content[4:6], "big")
    assert content[second_marker] == 0xFF
    filled = content[:second_marker] + b"\xff\xff" + content[second_marker:]
    assert decode_image(filled).shape == picture().shape


def test_a_jpeg_cut_short_is_found_out_though_its_thumbnail_is_whole():
    exif = encoded(Image.fromarray(noise()).resize((16, 16)), "JPEG")
    whole = encoded(Image.fromarray(noise()), "JPEG")
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    with_thumbnail = whole[:2] + segment + whole[2:]
    assert decode_image(with_thumbnail).shape == (48, 64, 3)
    with pytest.raises(UnreadableImage, match="cut short"):
        decode_image(with_thumbnail[:-40])


def picture():
    """A smooth BGR picture without symmetry: 48 rows of 64."""
    rows, columns = np.mgrid[:48, :64]
    return np.dstack([rows * 5, columns * 3, 255 - rows * 2 - columns]).astype(np.uint8)


def grey_picture():
    return picture()[..., 0]


def noise():
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def bgr_of(image):
    return np.asarray(image.convert("RGB"))[..., ::-1]


def encoded(image, kind, **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def save_video(path, n_frames):
    codec = cv2.VideoWriter.fourcc(*"MJPG")
    video = cv2.VideoWriter(str(path), codec, 10, (64, 48))
    for frame in range(n_frames):
        video.write(np.full((48, 64, 3), 20 * frame, np.uint8))
    video.release()
