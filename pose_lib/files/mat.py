"""Variables of MATLAB's ``.mat`` files as plain values, whichever program saved them.

A file that MATLAB, Octave or scipy read and saved again often has cell arrays where it had struct
arrays. Both become lists of dicts here, so that readers need not know.
"""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from pose_lib.errors import InputError
from pose_lib.files.parsing import read_bytes

MAX_BYTES = 1 << 30
"""MPII's file has some tens of MB."""
MAX_UNPACKING = 100
"""Many small matrices pack well, to a tenth or a twentieth; deflate can reach a thousandth."""
FREELY_UNPACKED_BYTES = 1 << 24
"""What a variable may unpack to, however well it is packed."""

_HEADER_BYTES, _COMPRESSED = 128, 15  # MathWorks, "MAT-File Format", level 5, chapter 1


def read_mat(path: Path, what: str) -> dict[str, Any]:
    """Return the variables of a ``.mat`` file of MATLAB's versions 4 to 7 by their names.

    Returns:
        A struct as a dict of its fields; a struct array of several elements and a cell array as a
        list; a row of text as a ``str``, a number alone as a number, other numbers as an array.
        Axes of length one are dropped, so a list of one is its element. What is empty in MATLAB
        is an empty array or list.

    Raises:
        InputError: If it is no such file, or is damaged.
    """
    import scipy.io  # takes a quarter of a second, and only MPII's original file needs it

    content = read_bytes(path, what, max_bytes=MAX_BYTES)
    try:
        _check_compressed(content)
        file = io.BytesIO(content)
        variables = scipy.io.loadmat(file, struct_as_record=False, squeeze_me=True)
        return {name: _plain(variables[name]) for name in variables if name[:2] != "__"}
    except NotImplementedError as error:
        raise InputError(
            f"cannot read the {what} {path}: it is of MATLAB's version 7.3; load it in MATLAB and "
            "save it with -v7"
        ) from error
    except Exception as error:  # scipy raises a dozen kinds at damaged files, its own among them
        reason = str(error) or type(error).__name__
        raise InputError(f"cannot read the {what} {path}: {reason}") from error


def _check_compressed(content: bytes) -> None:
    """Refuse compressed variables that are damaged, which scipy does not always survive, or bombs.

    Raises:
        ValueError, zlib.error: If there is one.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    position = _HEADER_BYTES
    while order and position + 8 <= len(content):
        kind, length = struct.unpack_from(f"{order}II", content, position)
        if kind == _COMPRESSED:
            packed, unpacking = content[position + 8 : position + 8 + length], zlib.decompressobj()
            unpacking.decompress(packed, max(FREELY_UNPACKED_BYTES, MAX_UNPACKING * length))
            if not unpacking.eof:
                too_much = bool(unpacking.unconsumed_tail)
                raise ValueError("it unpacks to far too much" if too_much else "it is cut short")
        position += 8 + length


def _plain(value: Any) -> Any:
    if hasattr(value, "_fieldnames"):  # a struct of scipy's
        return {name: _plain(getattr(value, name)) for name in value._fieldnames}
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return [_plain(element) for element in value.ravel(order="F")]
    return value
