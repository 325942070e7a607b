"""From an image file's content to the picture in it, within limits of pixels and memory.

Pillow reads the header, which says how large the picture claims to be; OpenCV decodes what is
within the limits. Whatever is wrong with a file ends as `UnreadableImage`, with a reason for the
ledger.
"""

import io
import re
import warnings
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, TiffImagePlugin

MAX_PIXELS = 150_000_000  # a square of 12,000 pixels: 450 MB once decoded

_BYTES_PER_PIXEL = 8
"""Of the largest kind of picture, four channels of 16 bits, without any compression."""

_BYTES_BESIDE = 16_000_000
"""For profiles, thumbnails and what else stands in a file beside the picture."""

_MOST_SCANS = 100
"""Of a progressive JPEG. Cameras and programs write about ten; a file of a few kB with thousands
would take minutes, for each goes over the whole picture."""

_FORMATS = ("BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow knows many more, and OpenCV decodes few of them."""

_JPEG_START = b"\xff\xd8\xff"
_PNG_START = b"\x89PNG"
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)  # none that stands inside a scan
_TILE_WIDTH, _TILE_HEIGHT = 322, 323  # Source: TIFF 6.0, section 15


class UnreadableImage(Exception):  # noqa: N818 - an outcome of the ledger, not a fault of ours
    """No picture can be had from an input; the message is the one-line reason."""


class ImageTooLarge(UnreadableImage):  # a kind of its own, for the limit may change
    """A picture of more pixels than allowed; with a higher limit it may be read."""


def decode_image(
    content: bytes, *, max_pixels: int = MAX_PIXELS, min_side: int | None = None
) -> UInt8[np.ndarray, "height width 3"]:
    """Return the picture in an image file's content as BGR, upright.

    Of an animated file it is the first picture.

    Args:
        min_side: As that of ``ImageSource``.

    Raises:
        UnreadableImage: If it is no image, is cut short, or has more than ``max_pixels``.
    """
    return decode_sized(content, max_pixels=max_pixels, min_side=min_side)[0]


def decode_sized(
    content: bytes, *, max_pixels: int = MAX_PIXELS, min_side: int | None = None
) -> tuple[UInt8[np.ndarray, "height width 3"], tuple[int, int]]:
    """Return what `decode_image` does, and width and height by the header, before any turn."""
    if not content:
        raise UnreadableImage("the file is empty (0 bytes)")
    size = size_from_header(io.BytesIO(content), max_pixels=max_pixels)
    how = cv2.IMREAD_COLOR
    if content.startswith(_JPEG_START):
        _check_jpeg(content)
        how = _reduced(min(size), min_side)
    if content.startswith(_PNG_START) and b"IEND" not in content:
        raise UnreadableImage("the PNG data is cut short (no end chunk)")
    return _decode(content, how), size


def size_from_header(file: Any, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return width and height without decoding the picture.

    Args:
        file: A binary file that can be searched, of any library.

    Raises:
        UnreadableImage: If it is no image, or claims to have more than ``max_pixels``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit decides what is too large
            with Image.open(file, formats=_FORMATS) as header:
                _check_size(header.size, max_pixels)
                _check_size(_tile_size(header), max_pixels, what="a tile of ")
                return header.size
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"far too large: {error}") from error
    except UnreadableImage:
        raise
    except Image.UnidentifiedImageError as error:
        raise UnreadableImage("not an image, whatever its name says") from error
    except Exception as error:  # Pillow promises none in particular for damaged headers
        raise UnreadableImage(f"its header is damaged: {_one_line(error)}") from error


def max_content(max_pixels: int) -> int:
    """Return how many bytes a file may have, for a picture of so many pixels at most."""
    return _BYTES_PER_PIXEL * max_pixels + _BYTES_BESIDE


def _check_size(size: tuple[int, int], max_pixels: int, *, what: str = "") -> None:
    width, height = size
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"{what}{width} x {height} pixels are more than the limit of {max_pixels} (max_pixels)"
        )


def _tile_size(header: Image.Image) -> tuple[int, int]:
    """Return the size of a TIFF's tiles, which may be far larger than the picture; else 0 0."""
    if not isinstance(header, TiffImagePlugin.TiffImageFile):
        return 0, 0
    tags = header.tag_v2
    return int(tags.get(_TILE_WIDTH, 0)), int(tags.get(_TILE_HEIGHT, 0))


def _check_jpeg(content: bytes) -> None:
    # Older versions of OpenCV would give a picture that is grey from where a JPEG's data ends.
    if not _has_jpeg_end(content):
        raise UnreadableImage("the JPEG data is cut short (no end marker)")
    if (n_scans := _count_scans(content)) > _MOST_SCANS:
        raise UnreadableImage(f"a JPEG of {n_scans} scans; more than {_MOST_SCANS} are refused")


def _decode(content: bytes, how: int) -> UInt8[np.ndarray, "height width 3"]:
    _silence_opencv()
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), how)
    except cv2.error as error:
        raise UnreadableImage(f"cannot be decoded: {_one_line(error.err)}") from error
    except MemoryError as error:
        raise UnreadableImage("cannot be decoded: it takes more memory than there is") from error
    if image is None:
        raise UnreadableImage("cannot be decoded: damaged, cut short, or of an unknown kind")
    return image


def _silence_opencv() -> None:
    """Keep OpenCV from printing about broken pictures: the reason goes into the ledger."""
    set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # 4.x or 5.x
    set_level(0)


def _reduced(side: int, min_side: int | None) -> int:
    """Return OpenCV's mode of reading that keeps at least so much of a side."""
    for parts, mode in (
        (8, cv2.IMREAD_REDUCED_COLOR_8),
        (4, cv2.IMREAD_REDUCED_COLOR_4),
        (2, cv2.IMREAD_REDUCED_COLOR_2),
    ):
        if min_side is not None and side >= parts * min_side:
            return mode
    return cv2.IMREAD_COLOR


def _has_jpeg_end(content: bytes) -> bool:
    """Tell whether an end-of-image marker follows the first scan.

    Walks the segments up to that scan, for a thumbnail inside them has an end marker of its own.
    Within scans the marker's bytes cannot occur by chance.

    Source: ITU-T T.81, annex B.
    """
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xDA:
            return content.find(b"\xff\xd9", position) >= 0
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    return False


def _count_scans(content: bytes) -> int:
    """Return how many scans there are up to the first end-of-image marker."""
    n_scans, position = 0, 2
    while (found := _MARKER.search(content, position)) and found[0] != b"\xff\xd9":
        n_scans += found[0] == b"\xff\xda"
        length = int.from_bytes(content[found.end() : found.end() + 2], "big")
        position = found.end() + length
    return n_scans


def _one_line(what: object) -> str:
    return " ".join(str(what).split())
