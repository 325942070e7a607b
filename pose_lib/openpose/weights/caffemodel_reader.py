"""Weights out of a ``.caffemodel``: the few protobuf fields that hold them, without Caffe.

Every length is checked before it is used, for a download may be cut short.

Source:
    Protocol Buffers documentation, "Encoding", for the wire format; Caffe's ``caffe.proto`` for
    the numbers of the fields.
"""

import math
import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from pose_lib.errors import InputError

Blobs = list[Float32[np.ndarray, "..."]]

_MAX_BYTES = 1 << 28  # the largest published file has 209 MB
_MAX_AXES = 32  # Caffe's own limit
_MAX_VARINT_BYTES = 10

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5  # wire types

_NET_LAYERS, _NET_LAYERS_V1 = 100, 2
_LAYER_NAME, _LAYER_BLOBS = 1, 7
_V1_NAME, _V1_BLOBS = 4, 6
_BLOB_LEGACY_SHAPE = (1, 2, 3, 4)  # number, channels, height, width
_BLOB_DATA, _BLOB_SHAPE, _BLOB_DOUBLES = 5, 7, 8
_SHAPE_DIM = 1

Value = int | memoryview


class _DamagedError(Exception):
    """The bytes do not follow the format; the message says how."""


def read_caffemodel(path: Path) -> dict[str, Blobs]:
    """Return the blobs of every layer that has any, by the layer's name.

    Blobs are views into the file, which stays mapped as long as one of them is used.

    Raises:
        InputError: If the file cannot be read or is no whole Caffe model.
    """
    try:
        return layers_in(_mapped(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except _DamagedError as error:
        raise InputError(f"{path} is no whole .caffemodel ({error}); download it again") from error


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if not 0 < size <= _MAX_BYTES:
            raise _DamagedError(f"it has {size} bytes")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def layers_in(net: memoryview) -> dict[str, Blobs]:
    """Return the blobs of every layer of a serialized network, by name."""
    layers: dict[str, Blobs] = {}
    for number, value in _fields(net):
        if number == _NET_LAYERS:
            name, blobs = _layer(_message(value), _LAYER_NAME, _LAYER_BLOBS)
        elif number == _NET_LAYERS_V1:
            name, blobs = _layer(_message(value), _V1_NAME, _V1_BLOBS)
        else:
            continue
        if blobs and name in layers:
            raise _DamagedError(f"two layers are called {name!r}")
        if blobs:
            layers[name] = blobs
    if not layers:
        raise _DamagedError("it has no layers with weights")
    return layers


def _layer(message: memoryview, name_field: int, blobs_field: int) -> tuple[str, Blobs]:
    name, blobs = "", Blobs()
    for number, value in _fields(message):
        if number == name_field:
            name = bytes(_message(value)[:200]).decode(errors="replace")
        elif number == blobs_field:
            blobs.append(_blob(_message(value)))
    return name, blobs


def _blob(message: memoryview) -> Float32[np.ndarray, "..."]:
    floats, doubles = _Numbers("<f4"), _Numbers("<f8")
    legacy = dict.fromkeys(_BLOB_LEGACY_SHAPE, 1)
    shape: list[int] | None = None
    for number, value in _fields(message):
        if number == _BLOB_DATA:
            floats.add(_message(value))
        elif number == _BLOB_DOUBLES:
            doubles.add(_message(value))
        elif number == _BLOB_SHAPE:
            shape = _shape(_message(value))
        elif number in legacy:
            legacy[number] = _number(value)
    values = (floats if len(floats) else doubles).array()
    axes = list(legacy.values()) if shape is None else shape
    if not len(values) or math.prod(axes) != len(values):
        raise _DamagedError(f"a blob of shape {axes} has {len(values)} values")
    return values.reshape(axes).astype(np.float32, copy=False)


def _shape(message: memoryview) -> list[int]:
    shape: list[int] = []
    for number, value in _fields(message):
        if number == _SHAPE_DIM:
            dims = [value] if isinstance(value, int) else _varints(value)
            shape.extend(dims)
        if len(shape) > _MAX_AXES:
            raise _DamagedError(f"a blob has more than {_MAX_AXES} axes")
    return shape


class _Numbers:
    """Numbers of a repeated field, which may come in one piece, in several, or one by one."""

    def __init__(self, dtype: str) -> None:
        self._dtype = np.dtype(dtype)
        self._first = memoryview(b"")
        self._joined = bytearray()  # copied only if there is more than one piece

    def __len__(self) -> int:
        return (len(self._joined) or len(self._first)) // self._dtype.itemsize

    def add(self, piece: memoryview) -> None:
        if len(piece) % self._dtype.itemsize:
            raise _DamagedError(f"{len(piece)} bytes are no whole numbers")
        if not self._first:
            self._first = piece
            return
        if not self._joined:
            self._joined += self._first
        self._joined += piece

    def array(self) -> np.ndarray:
        return np.frombuffer(self._joined or self._first, self._dtype)


def _fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Give number and value of each field: an int for a varint, else its bytes."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        wire_type = key & 7
        if wire_type == _VARINT:
            value, position = _varint(message, position)
            yield key >> 3, value
            continue
        if wire_type == _LENGTH:
            length, position = _varint(message, position)
        elif wire_type in (_FOUR_BYTES, _EIGHT_BYTES):
            length = 4 if wire_type == _FOUR_BYTES else 8
        else:
            raise _DamagedError(f"wire type {wire_type} at byte {position}")
        if length > len(message) - position:
            raise _DamagedError("it ends too early")
        yield key >> 3, message[position : position + length]
        position += length


def _varints(message: memoryview) -> list[int]:
    values: list[int] = []
    position = 0
    while position < len(message) and len(values) <= _MAX_AXES:
        value, position = _varint(message, position)
        values.append(value)
    return values


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(message[position : position + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, position + shift + 1
    raise _DamagedError("it ends too early or holds no number where one must be")


def _message(value: Value) -> memoryview:
    if isinstance(value, int):
        raise _DamagedError("a number stands where a message must be")
    return value


def _number(value: Value) -> int:
    if not isinstance(value, int):
        raise _DamagedError("a message stands where a number must be")
    return value
