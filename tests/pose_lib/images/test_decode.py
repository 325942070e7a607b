"""No file can take more memory or time than a picture of the allowed size does."""

import io
import os
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from pose_lib.images.decode import ImageTooLarge, UnreadableImage, decode_image
from pose_lib.images.find import find_images


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


def encoded(image, kind, **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()
