"""Pictures of every kind are read as they are; no file takes more memory or time than allowed."""

import os
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from made_pictures import encoded, picture
from PIL import Image

from pose_lib.images.decode import ImageTooLarge, UnreadableImage, decode_image
from pose_lib.images.find import find_images


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


@pytest.mark.parametrize("shape", [(1, 1), (16, 12_000), (12_000, 16)])
def test_tiny_and_very_wide_images_are_read_as_they_are(shape):
    content = encoded(Image.fromarray(np.zeros(shape, np.uint8)), "PNG")
    assert decode_image(content).shape == (*shape, 3)


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


@pytest.mark.parametrize("kind", ["BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP"])
def test_too_many_pixels_of_any_kind_are_refused_before_decoding(kind):
    content = encoded(Image.new("L", (600, 500)), kind)
    assert decode_image(content, max_pixels=300_000).shape == (500, 600, 3)
    with pytest.raises(ImageTooLarge, match="600 x 500 pixels are more than the limit of 299999"):
        decode_image(content, max_pixels=299_999)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP", "MPO"])
def test_of_an_animated_file_it_is_the_first_picture(kind):
    frames = [Image.new("RGB", (64, 48), color) for color in ("red", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_allclose(decode_image(content)[0, 0], [0, 0, 255], atol=2)


def test_a_frame_larger_than_its_gif_says_is_refused():
    content = bytearray(encoded(Image.new("P", (64, 48)), "GIF"))
    frame = content.index(b"\x2c")
    content[frame + 5 : frame + 9] = struct.pack("<HH", 60_000, 60_000)
    with pytest.raises(UnreadableImage, match="too large"):
        decode_image(bytes(content))


def test_a_tile_larger_than_its_tiff_is_refused():
    tags = {256: 64, 257: 48, 258: 8, 259: 1, 262: 1, 277: 1}
    content = tiff({**tags, 322: 1 << 15, 323: 1 << 15, 324: 200, 325: 1 << 30})
    with pytest.raises(ImageTooLarge, match="a tile of 32768 x 32768 pixels"):
        decode_image(content)


@pytest.mark.parametrize(
    "tags",
    [
        {256: 64, 257: 48, 258: 8, 259: 1, 262: 1, 277: 1, 278: 0x7FFFFFFF, 273: 200, 279: 1 << 31},
        {256: 64, 257: 48, 258: 8, 259: 1, 262: 1, 277: 60_000, 278: 48, 273: 200, 279: 100},
    ],
)
def test_a_tiff_that_promises_more_than_it_holds_is_unreadable(tags):
    with pytest.raises(UnreadableImage):
        decode_image(tiff(tags))


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_what_unpacks_to_a_gigabyte_beside_a_picture_is_not_unpacked(kind):
    png = encoded(Image.new("RGB", (64, 48)), "PNG")
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    start = time.perf_counter()
    with pytest.raises(UnreadableImage, match="header is damaged"):
        decode_image(png[:33] + chunk(kind, b"k\0\0" + packed) + png[33:])
    assert time.perf_counter() - start < 1


def test_a_jpeg_of_thousands_of_scans_is_refused():
    content = encoded(Image.new("L", (2000, 2000)), "JPEG", progressive=True)
    scan = content[content.rindex(b"\xff\xda") : -2]
    start = time.perf_counter()
    with pytest.raises(UnreadableImage, match=r"a JPEG of 50\d\d scans"):
        decode_image(content[:-2] + 5000 * scan + b"\xff\xd9")
    assert time.perf_counter() - start < 1
    assert decode_image(content[:-2] + 50 * scan + b"\xff\xd9").shape == (2000, 2000, 3)


@pytest.mark.parametrize("share", np.linspace(0, 1, 9)[:-1].round(2))
@pytest.mark.parametrize("kind", ["GIF", "JPEG2000", "PPM", "TIFF", "WEBP"])
def test_no_damage_is_more_than_one_line(kind, share):
    rng = np.random.default_rng(0)
    content = bytearray(encoded(Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)), kind))
    start = int(share * len(content))
    content[start : start + 20] = rng.bytes(20)
    reason = ""
    try:
        assert decode_image(bytes(content)).shape[2] == 3
    except UnreadableImage as error:
        reason = str(error)
    assert "\n" not in reason


@pytest.mark.timeout(20)  # opening a pipe waits for whoever writes to it
def test_a_pipe_a_device_and_a_folder_are_no_images(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    source = find_images(tmp_path)
    assert len(set(source.digests().values())) == 2
    for name in source.names:
        with pytest.raises(UnreadableImage, match="no regular file"):
            source.read(name)


def tiff(tags):
    """A TIFF of these tags, each one number, and some bytes for whatever they point at."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4000)


def chunk(kind, content):
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def grey_picture():
    return picture()[..., 0]


def noise():
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def bgr_of(image):
    return np.asarray(image.convert("RGB"))[..., ::-1]
