"""Reader of dicts, lists and arrays that numpy pickled into an npz file; loads no pickle.

Some data sets exist only so. An array in a pickle is a call with a shape, a number format and bytes
for its arguments: it is read as the description that it is, and never called.

Source: numpy's ``ndarray.__reduce__``, ``ndarray.__reduce_ex__`` and ``dtype.__reduce__``.
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from pose_lib.files.inert_pickle import Call, NotPlainData, described, said
from pose_lib.files.npz import read_header, unpacked
from pose_lib.files.parsing import reading

_ARRAYS = {
    f"{module}._reconstruct" for module in ("numpy.core.multiarray", "numpy._core.multiarray")
}
_BUFFERS = {f"{module}._frombuffer" for module in ("numpy.core.numeric", "numpy._core.numeric")}
_REPEATED = 4
"""Short texts and empty values do come again; arrays do not."""
_FORMAT = "numpy.dtype"
_FORMATS = ("f2", "f4", "f8")


def read_pickled_dict(path: Path, key: str) -> dict[str, Any]:
    """Return the dict that an npz file holds pickled under ``key``, without loading a pickle.

    Returns:
        Dicts, lists, numbers and text as they are; arrays through ``float_array``.

    Raises:
        InputError: If there is none, or it holds more than plain data.
    """
    with reading(path, f"dict {key!r} in"):
        pickle = _pickle_in_npy(_member(path, f"{key}.npy"))
        content = _dict_in_array(pickle)
        _require_no_repetition(content, len(pickle))
        return content


def float_array(value: Any) -> np.ndarray:
    """Return an array that a pickle describes.

    Raises:
        NotPlainData: If it describes none of floating-point numbers.
    """
    if not isinstance(value, Call) or value.name not in _ARRAYS | _BUFFERS:
        raise NotPlainData(f"expected an array of numbers, not {said(value)}")
    shape, kind, columns_first, content = (
        _array_state(value) if value.name in _ARRAYS else _buffer_state(value)
    )
    try:
        if isinstance(content, str):  # of Python 2, or of protocol 2
            content = content.encode("latin-1")
        if not isinstance(content, bytes | bytearray):
            raise NotPlainData("an array has no bytes")
        flat = np.frombuffer(bytes(content), _dtype(kind))
        return flat.reshape(shape, order="F" if columns_first else "C")
    except (ValueError, TypeError, OverflowError) as error:
        raise NotPlainData(f"an array does not fit its shape: {error}") from error


def items(value: Any) -> list[Any]:
    """Return the items of a list, or of an array of objects that a pickle describes.

    Raises:
        NotPlainData: If it is neither.
    """
    if isinstance(value, Call) and value.name in _ARRAYS:
        value = _array_state(value)[3]
    if not isinstance(value, list):
        raise NotPlainData(f"expected a list, not {said(value)}")
    return value


def _member(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        if name not in archive.namelist():
            raise NotPlainData("there is none")
        return unpacked(archive, archive.getinfo(name))


def _pickle_in_npy(content: bytes) -> bytes:
    """Return what follows the header of an array of one object; the header is no pickle."""
    file = io.BytesIO(content)
    shape, _, dtype = read_header(file)
    if shape != () or not dtype.hasobject:
        raise NotPlainData(f"expected one pickled dict, not {dtype} of shape {shape}")
    return file.read()


def _dict_in_array(pickle: bytes) -> dict[str, Any]:
    """Return the one value of a pickled array without axes, a dict."""
    array = described(pickle, understood=_ARRAYS | _BUFFERS | {_FORMAT})
    if not isinstance(array, Call) or array.name not in _ARRAYS:
        raise NotPlainData(f"expected numpy's array of one dict, not {said(array)}")
    _, _, _, content = _array_state(array)
    if not (isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict)):
        raise NotPlainData("expected one dict")
    return content[0]


def _require_no_repetition(content: Any, n_bytes: int) -> None:
    """Refuse a pickle that names its parts again and again, and so grows beyond all measure.

    A value that is there once takes at least a byte of the pickle, an array its own.
    """
    waiting, size = [content], 0
    while waiting:
        value = waiting.pop()
        size += 1
        if isinstance(value, Call) and value.name in _ARRAYS | _BUFFERS:
            waiting += [value.arguments, value.state]
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
        elif isinstance(value, str | bytes | bytearray):
            size += len(value)
        if size + len(waiting) > _REPEATED * n_bytes:
            raise NotPlainData("it repeats its parts far too often")


def _array_state(array: Call) -> tuple[tuple[int, ...], Any, bool, Any]:
    """Return shape, number format, whether columns come first, and content."""
    match array.state:
        case (int(), tuple(shape), kind, columns_first, content):
            return _checked_shape(shape), kind, bool(columns_first), content
    raise NotPlainData("an array of numpy's lacks its description")


def _buffer_state(array: Call) -> tuple[tuple[int, ...], Any, bool, Any]:
    match array.arguments:
        case (content, kind, tuple(shape), str(order)):
            return _checked_shape(shape), kind, order == "F", content
    raise NotPlainData("an array of numpy's lacks its description")


def _checked_shape(shape: tuple[Any, ...]) -> tuple[int, ...]:
    if not all(type(length) is int and length >= 0 for length in shape):
        raise NotPlainData(f"an array has a shape of {len(shape)} lengths that are none")
    return shape


def _dtype(kind: Any) -> np.dtype[Any]:
    """Return a floating-point format; all others could only be a mistake."""
    if isinstance(kind, Call) and kind.name == _FORMAT and kind.arguments:
        name, state = kind.arguments[0], kind.state
        byte_order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if name in _FORMATS and byte_order in ("<", ">"):
            return np.dtype(f"{byte_order}{name}")
    raise NotPlainData("an array is not of floating-point numbers")
