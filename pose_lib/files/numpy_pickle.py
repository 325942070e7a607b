"""Reader of dicts, lists and arrays that numpy pickled into an npz file; runs nothing in a pickle.

Some data sets exist only so. A pickle calls whatever it names. Here it gets stand-ins for the few
names that numpy's own pickles have, and nothing else; a stand-in only keeps what it is given.
numpy's own functions would not do: they trust the memory layout that a pickle states.

Source: numpy's ``ndarray.__reduce__``, ``ndarray.__reduce_ex__`` and ``dtype.__reduce__``.
"""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from pose_lib.files.npz import FREELY_UNPACKED_BYTES, unpack_member
from pose_lib.files.parsing import bounded_memory, parse_errors

_FORMATS = ("f2", "f4", "f8")
_ROOM = 4
"""Memory per byte of a pickle: it is kept, copied once, and small values take more than theirs."""


class NotPlainData(ValueError):  # noqa: N818 - what the pickle is
    """The pickle holds more than dicts, lists, numbers, text and numpy's arrays."""


def read_pickled_dict(path: Path, key: str) -> dict[str, Any]:
    """Return the dict that an npz file holds pickled under ``key``.

    Returns:
        Dicts, lists, numbers and text as they are; arrays through ``float_array`` or ``items``.

    Raises:
        InputError: If there is none, or it holds more than plain data.
    """
    with parse_errors(path, f"dict {key!r} in"):
        with zipfile.ZipFile(path) as archive:
            if f"{key}.npy" not in archive.namelist():
                raise NotPlainData("there is none")
            file = io.BytesIO(unpack_member(archive, f"{key}.npy"))
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if shape != () or not dtype.hasobject:
            raise NotPlainData(f"expected one pickled dict, not {dtype} of shape {shape}")
        match items(load_plain(file.read())):
            case [dict(content)]:
                return content
        raise NotPlainData("expected one dict")


def load_plain(pickled: bytes) -> Any:
    """Return what a pickle holds, its arrays as they are described there.

    Raises:
        NotPlainData: If it is torn, or names anything but what numpy's arrays are made by.
    """
    try:
        with bounded_memory(FREELY_UNPACKED_BYTES + _ROOM * len(pickled)):
            value = _Unpickler(io.BytesIO(pickled), encoding="latin-1").load()
            _require_plain(value)
    except NotPlainData:
        raise
    except Exception as error:  # the pickle's instructions do not fit together
        raise NotPlainData(str(error) or type(error).__name__) from error
    return value


def float_array(value: Any) -> np.ndarray:
    """Return an array that a pickle describes.

    Raises:
        NotPlainData: If it describes none of floating-point numbers.
    """
    if not isinstance(value, _Array):
        raise NotPlainData(f"expected an array of numbers, not {type(value).__name__}")
    _, shape, dtype, columns_first, content = value.state
    if dtype.name not in _FORMATS or dtype.order not in ("<", ">"):
        raise NotPlainData("an array is not of floating-point numbers")
    if isinstance(content, str):  # of Python 2
        content = content.encode("latin-1")
    try:
        flat = np.frombuffer(content, f"{dtype.order}{dtype.name}")
        return flat.reshape(shape, order="F" if columns_first else "C")
    except (ValueError, TypeError, OverflowError) as error:
        raise NotPlainData(f"an array does not fit its shape: {error}") from error


def items(value: Any) -> list[Any]:
    """Return the items of a list, or of an array of objects that a pickle describes.

    Raises:
        NotPlainData: If it is neither.
    """
    found = value.state[-1] if isinstance(value, _Array) else value
    if not isinstance(found, list):
        raise NotPlainData(f"expected a list, not {type(found).__name__}")
    return found


class _Bytes:
    """Bytes as protocol 2 writes them: ``_codecs.encode(text, "latin1")``, or ``bytes()``."""

    def __new__(cls, text: str = "", _encoding: str = "") -> bytes:  # type: ignore[misc]
        return text.encode("latin-1")

    def __setstate__(self, _: Any) -> None:
        """Let no pickle set attributes of the class."""


class _Format:
    """What ``numpy.dtype`` is given: a name such as ``f4``, then the order of bytes."""

    order = ""

    def __init__(self, name: str, *_: Any) -> None:
        self.name = name

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]


class _Array:
    """What numpy's makers of arrays are given: version, shape, format, order of axes, content."""

    state: tuple[Any, ...] = ()

    def __init__(self, *arguments: Any) -> None:
        if len(arguments) == 4:  # of _frombuffer; the others are given theirs afterwards
            content, dtype, shape, order = arguments
            self.__setstate__((1, shape, dtype, order == "F", content))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, _, content = state
        whole = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
        if not whole or type(dtype) is not _Format or type(content) not in _CONTENTS:
            raise NotPlainData("an array of numpy's lacks its description")
        self.state = state


_CONTENTS = (bytes, bytearray, str, list)
_STAND_INS: dict[tuple[str, str], type] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Format,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.numeric", "_frombuffer"): _Array,
    ("numpy._core.numeric", "_frombuffer"): _Array,
    ("_codecs", "encode"): _Bytes,
    ("__builtin__", "bytes"): _Bytes,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        if (module, name) not in _STAND_INS:
            raise NotPlainData(f"it would call {module}.{name}"[:100])
        return _STAND_INS[module, name]


def _require_plain(content: Any) -> None:
    """Refuse what is no data anywhere in what was loaded, and arrays without content."""
    waiting, seen = [content], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:  # a list may hold itself
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            if not all(isinstance(key, str | int) for key in value):
                raise NotPlainData("a dict has keys that are neither text nor whole numbers")
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
        elif isinstance(value, _Array) and value.state:
            waiting.append(value.state[-1])
        elif not isinstance(value, str | bytes | bytearray | int | float | None):
            raise NotPlainData(f"it holds a {type(value).__name__}")
