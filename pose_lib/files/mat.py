"""Variables out of MATLAB's ``.mat`` of version 5, which MPII's annotations are.

scipy reads these files in C and believes them: 20,000 cells in cells, a file of 1 MB, exhaust its
stack and end the process, and 184 bytes that promise cells take 4 GB (measured with 1.17). Here
every size is held against the bytes that are left, and the depth is bounded.

Source:
    MathWorks, "MAT-File Format", for the bytes: level 5, chapter 1.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose_lib.errors import InputError
from pose_lib.files.mat_elements import (
    COMPRESSED,
    MATRIX,
    NUMERIC,
    Elements,
    Header,
    padded,
)
from pose_lib.files.parsing import read_content, reading

MAX_BYTES = 1 << 30
"""MPII's file has some tens of MB."""
MAX_UNPACKING = 100
"""Many small matrices pack well, to a tenth or a twentieth; deflate can reach a thousandth."""
FREELY_UNPACKED_BYTES = 1 << 24
"""What a variable may unpack to, however well it is packed."""
MAX_DEPTH = 32
"""MPII's structs lie six deep; nobody can look into thirty."""
MAX_FIELDS, MAX_TEXT_ROWS = 1000, 10_000
"""Of a struct, and of a matrix of letters; a version or a name has one row."""

_HEADER_BYTES = 128
_ORDERS = {b"IM": "<", b"MI": ">"}
_LETTERS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _OBJECT, _CHAR = 1, 2, 3, 4
_EMPTY = np.zeros(0)
_FIRST_BYTES = 1 << 12  # hold a variable's name


def read_mat_variable(path: Path, name: str, what: str) -> Any:
    """Return a variable of a ``.mat`` file; None where it is not there.

    Returns:
        A number alone as it is, several as an array; text as an array of its rows; a struct array
        as an array whose dtype names the fields, a cell array as one of objects; all in one
        dimension, columns first.

    Raises:
        InputError: If it is no such file, or is damaged.
    """
    content = read_content(path, what, max_bytes=MAX_BYTES)
    _refuse_hdf5(path, content)
    with reading(path, what):
        for data in _variables(content):
            if data.name() == name:
                return data.whole().value()
    return None


def mat_variables(path: Path, what: str) -> list[str]:
    """Return the names of the variables in a ``.mat`` file.

    Raises:
        InputError: As `read_mat_variable` does.
    """
    content = read_content(path, what, max_bytes=MAX_BYTES)
    _refuse_hdf5(path, content)
    with reading(path, what):
        return [data.name() for data in _variables(content)]


def _refuse_hdf5(path: Path, content: bytes) -> None:
    if content[512:520] == b"\x89HDF\r\n\x1a\n" or content[:8] == b"\x89HDF\r\n\x1a\n":
        raise InputError(
            f"{path} is of MATLAB's version 7.3; load it in MATLAB and save it with -v7"
        )


@dataclass(frozen=True)
class _Variable:
    """One top-level element of a file, packed or not."""

    content: bytes
    order: str
    packed: bool

    def name(self) -> str:
        start = self.content
        if self.packed:
            start = zlib.decompressobj().decompress(self.content, _FIRST_BYTES)
        bounds = Elements(start, self.order).matrix_bounds(0, len(start), whole=False)
        return Elements(start, self.order).header(*bounds).name

    def whole(self) -> "_Matrices":
        if not self.packed:
            return _Matrices(Elements(self.content, self.order))
        allowed = max(FREELY_UNPACKED_BYTES, MAX_UNPACKING * len(self.content))
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(self.content, allowed)
        if not unpacking.eof:
            more = bool(unpacking.unconsumed_tail)
            raise ValueError("it unpacks to far too much" if more else "it is cut short")
        return _Matrices(Elements(content, self.order))


def _variables(content: bytes) -> Iterator[_Variable]:
    order = _ORDERS.get(content[126:128])
    if order is None or len(content) < _HEADER_BYTES:
        raise ValueError("it is no .mat of MATLAB's version 5 to 7")
    elements = Elements(content, order)
    position = _HEADER_BYTES
    while position < len(content):
        kind, start, end = elements.tag(position, len(content))
        if kind == MATRIX:
            yield _Variable(content[position:end], order, packed=False)
        elif kind == COMPRESSED:
            yield _Variable(content[start:end], order, packed=True)
        position = end if kind == COMPRESSED else padded(end)


@dataclass(frozen=True)
class _Matrices:
    """Matrices, and the matrices in their fields and cells, as values."""

    elements: Elements

    def value(self) -> Any:
        return self._matrix(0, len(self.elements.content), 0)[0]

    def _matrix(self, position: int, end: int, depth: int) -> tuple[Any, int]:
        """Return a matrix as a value, and where the next one begins."""
        if number := self.elements.lone_number(position, end):
            return number
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
        start, stop = self.elements.matrix_bounds(position, end)
        if start == stop:  # how an empty field is written
            return _EMPTY, stop
        header = self.elements.header(start, stop)
        if header.kind in NUMERIC:
            value = self._numbers(header, stop)
        elif header.kind == _CHAR:
            value = self._text(header, stop)
        elif header.kind == _CELL:
            value = self._cells(header, stop, depth)
        elif header.kind in (_STRUCT, _OBJECT):
            value = self._structs(header, stop, depth)
        else:
            raise ValueError(f"a matrix of class {header.kind}, which annotations do not need")
        return value, padded(stop)

    def _numbers(self, header: Header, stop: int) -> Any:
        numbers, _ = self.elements.numbers(header.content, stop)
        if len(numbers) != header.size:
            raise ValueError(f"a matrix of shape {header.shape} has {len(numbers)} numbers")
        return numbers[0].item() if len(numbers) == 1 else numbers

    def _text(self, header: Header, stop: int) -> np.ndarray:
        kind, start, end = self.elements.tag(header.content, stop)
        if kind not in _LETTERS:
            raise ValueError(f"an element of type {kind} where text must be")
        code = _LETTERS[kind]
        if code in ("utf-16", "utf-32"):
            code += "-le" if self.elements.order == "<" else "-be"
        text = self.elements.content[start:end].decode(code)
        if not text:
            return np.zeros(0, np.str_)
        rows = header.shape[0] if header.shape else 1
        if not 0 < rows <= MAX_TEXT_ROWS or len(text) % rows:
            raise ValueError(f"text of shape {header.shape} has {len(text)} letters")
        return np.array([text[row::rows] for row in range(rows)])

    def _cells(self, header: Header, stop: int, depth: int) -> np.ndarray:
        self._require_room(header.size, header.content, stop)
        values, _ = self._several(header.size, header.content, stop, depth)
        return _objects(values)

    def _structs(self, header: Header, stop: int, depth: int) -> np.ndarray:
        position = header.content
        if header.kind == _OBJECT:  # the name of its class
            position = padded(self.elements.tag(position, stop)[2])
        length, position = self.elements.numbers(position, stop)
        _, start, end = self.elements.tag(position, stop)
        names = _names(self.elements.content[start:end], int(length[0]) if len(length) else 0)
        position = padded(end)
        self._require_room(header.size * len(names), position, stop)
        if not names:
            return _EMPTY
        values = np.empty(header.size, [(name, object) for name in names])
        for row in range(header.size):
            fields, position = self._several(len(names), position, stop, depth)
            values[row] = tuple(fields)
        return values

    def _several(self, count: int, position: int, stop: int, depth: int) -> tuple[list[Any], int]:
        values = []
        for _ in range(count):
            value, position = self._matrix(position, stop, depth + 1)
            values.append(value)
        return values, position

    def _require_room(self, count: int, position: int, stop: int) -> None:
        """Refuse more matrices than have room for their tags."""
        if 8 * count > stop - position:
            raise ValueError(f"it promises {count} matrices in {stop - position} bytes")


def _names(content: bytes, length: int) -> list[str]:
    if not content:
        return []
    if length < 1 or len(content) % length or len(content) // length > MAX_FIELDS:
        raise ValueError("the names of a struct's fields are damaged")
    pieces = (content[start : start + length] for start in range(0, len(content), length))
    names = [piece.split(b"\0", 1)[0].decode("latin-1") for piece in pieces]
    if len(set(names)) != len(names) or "" in names:
        raise ValueError("a struct has two fields of one name, or one without")
    return names


def _objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), object)
    for row, value in enumerate(values):
        array[row] = value
    return array
