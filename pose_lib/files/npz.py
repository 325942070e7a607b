"""Arrays out of ``.npy`` and ``.npz`` files from outside, no larger than the file is good for.

numpy makes room for as many numbers as a header promises before it looks for them, and an archive
may unpack to a thousand times its size. So a header is held against the bytes that are there, and
no member is unpacked beyond what is to be expected of numbers.
"""

import io
import math
import warnings
import zipfile
from collections.abc import Collection
from typing import Any

import numpy as np

from pose_lib.files.locations import Location
from pose_lib.files.parsing import parse_errors, read_content

MAX_FILE_BYTES = 4 << 30
"""Human3.6M's 3D poses take about 0.2 GB; far more is no data set of poses."""
MAX_PACKING = 100
"""Poses pack to a half or so, masks to a thirtieth; deflate can pack zeros to a thousandth."""
FREELY_UNPACKED_BYTES = 1 << 26
"""What a member may unpack to, however well it is packed."""
MAX_MEMBERS = 10_000
"""An archive here has some ten arrays."""

_PACKINGS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # the two that numpy writes
_LARGEST_CODE_POINT = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npy(path: Location, what: str) -> np.ndarray:
    """Return the array in a ``.npy`` file; its text is valid text.

    Raises:
        InputError: If there is none, it is not of numbers, truths or text, or is cut short.
    """
    content = read_content(path, what, max_bytes=MAX_FILE_BYTES)
    with parse_errors(path, what):
        return array_in(content)


def read_npz(path: Location, what: str, keys: Collection[str]) -> dict[str, np.ndarray]:
    """Return those of the named arrays that an ``.npz`` file holds; their text is valid text.

    Raises:
        InputError: If it is no archive, or an array cannot be read; see ``read_npy``.
    """
    with parse_errors(path, what), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        found = {name: info for name, info in _members(archive).items() if name in keys}
        return {name: array_in(unpacked(archive, info)) for name, info in found.items()}


def npz_keys(path: Location, what: str) -> list[str]:
    """Return the names of the arrays in an ``.npz`` file.

    Raises:
        InputError: If it is no archive.
    """
    with parse_errors(path, what), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        return list(_members(archive))


def unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return a member of an archive, unpacked to no more than its directory says.

    Raises:
        ValueError: If that is too much, or it is packed as numpy never does.
        zipfile.BadZipFile: If it is damaged.
    """
    if member.compress_type not in _PACKINGS:
        raise ValueError(f"{member.filename!r} is packed as numpy does not pack")
    allowed = max(FREELY_UNPACKED_BYTES, MAX_PACKING * member.compress_size)
    if member.file_size > min(allowed, MAX_FILE_BYTES):
        raise ValueError(
            f"{member.filename!r} would unpack from {member.compress_size} bytes to "
            f"{member.file_size}, which is out of all proportion"
        )
    with archive.open(member) as file:
        return file.read(member.file_size)  # without a number it would unpack whatever comes


def read_header(file: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether columns come first, and number format of a ``.npy`` file's array.

    Raises:
        ValueError: If it has no header of numpy's.
    """
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"its version {version} of numpy's format is not known")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about headers of Python 2
        try:
            shape, columns_first, dtype = _HEADERS[version](file)
        except (IndexError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"its header is not numpy's: {error}") from error
    if any(isinstance(length, bool) for length in shape):  # which are numbers to Python
        raise ValueError(f"its header is not numpy's: a shape of {shape!s:.80}")
    return shape, columns_first, dtype


def array_in(content: bytes) -> np.ndarray:
    """Return the array that the bytes of a ``.npy`` file hold.

    Raises:
        ValueError: If it is of anything else than numbers, truths or text, or bytes are missing.
    """
    file = io.BytesIO(content)
    shape, columns_first, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError("it holds a pickle, which is never loaded")
    if dtype.kind not in "biufSU" or dtype.subdtype is not None:
        raise ValueError(f"it holds {dtype!s:.80}, not numbers, truths or text")
    if not dtype.itemsize or max(shape, default=0) > len(content) or min(shape, default=0) < 0:
        raise ValueError(f"it promises {dtype} of shape {shape!s:.80} in {len(content)} bytes")
    count, there = math.prod(shape), len(content) - file.tell()
    if count * dtype.itemsize > there:
        raise ValueError(f"it promises {count} numbers of {dtype}, and has {there} bytes")
    flat = np.frombuffer(content, dtype, count, file.tell())
    if dtype.kind == "U":
        _require_text(flat)
    return flat.reshape(shape, order="F" if columns_first else "C").copy()


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the members of an archive by the names of the arrays."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise ValueError(f"it has {len(infos)} members")
    return {info.filename.removesuffix(".npy"): info for info in infos}


def _require_text(flat: np.ndarray) -> None:
    """Refuse what is no text: numpy takes any four bytes for a letter, Python does not."""
    letters = flat.view(flat.dtype.str[0] + "u4")
    lowest, highest = _SURROGATES
    if (letters > _LARGEST_CODE_POINT).any() or ((letters >= lowest) & (letters <= highest)).any():
        raise ValueError("its text holds letters that do not exist")
