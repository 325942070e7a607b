"""Arrays out of ``.npy`` and ``.npz`` files from outside: of numbers, truths and text, no pickles.

An archive may unpack to a thousand times its size, so no member is unpacked beyond what is to be
expected of numbers.
"""

import io
import warnings
import zipfile
from collections.abc import Collection

import numpy as np

from pose_lib.files.locations import Location
from pose_lib.files.parsing import parse_errors, read_bytes

MAX_FILE_BYTES = 4 << 30
"""Human3.6M's 3D poses take about 0.2 GB; far more is no data set of poses."""
MAX_PACKING = 100
"""Poses pack to a half or so, masks to a thirtieth; deflate can pack zeros to a thousandth."""
FREELY_UNPACKED_BYTES = 1 << 26
"""What a member may unpack to, however well it is packed."""


def read_npy(path: Location, what: str) -> np.ndarray:
    """Return the array in a ``.npy`` file.

    Raises:
        InputError: If there is none, it is not of numbers, truths or text, or is cut short.
    """
    content = read_bytes(path, what, max_bytes=MAX_FILE_BYTES)
    with parse_errors(path, what):
        return _array(content)


def read_npz(path: Location, what: str, keys: Collection[str]) -> dict[str, np.ndarray]:
    """Return those of the named arrays that an ``.npz`` file holds.

    Raises:
        InputError: If it is no archive, or an array cannot be read; see ``read_npy``.
    """
    with parse_errors(path, what), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        found = [key for key in keys if f"{key}.npy" in archive.namelist()]
        return {key: _array(unpack_member(archive, f"{key}.npy")) for key in found}


def npz_keys(path: Location, what: str) -> list[str]:
    """Return the names of the arrays in an ``.npz`` file.

    Raises:
        InputError: If it is no archive.
    """
    with parse_errors(path, what), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def unpack_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a member of an archive, unpacked to no more than its directory says.

    Raises:
        ValueError: If that is out of all proportion.
        zipfile.BadZipFile: If it is damaged.
    """
    member = archive.getinfo(name)
    allowed = max(FREELY_UNPACKED_BYTES, MAX_PACKING * member.compress_size)
    if member.file_size > min(allowed, MAX_FILE_BYTES):
        raise ValueError(
            f"{name!r} would unpack from {member.compress_size} bytes to {member.file_size}, "
            "which is out of all proportion"
        )
    with archive.open(member) as file:
        return file.read(member.file_size)  # without a number it would unpack whatever comes


def _array(content: bytes) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers of Python 2
            array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
        if array.dtype.kind not in "biufSU":
            raise ValueError(f"it holds {array.dtype!s:.80}, not numbers, truths or text")
        if array.dtype.kind == "U":
            # numpy takes any four bytes for a letter, Python does not.
            array.tobytes().decode("utf-32-be" if array.dtype.str[0] == ">" else "utf-32-le")
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its header is not numpy's: {error}") from error
    return array
