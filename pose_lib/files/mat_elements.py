"""The data elements of a ``.mat`` of version 5: what its bytes are, before they mean anything.

Every size is held against the bytes that are left before it is used.

Source:
    MathWorks, "MAT-File Format", level 5, chapter 1.
"""

import math
import struct
from dataclasses import dataclass

import numpy as np

MAX_AXES = 32
"""numpy's own limit was that for long."""

MATRIX, COMPRESSED = 14, 15
_NUMBERS = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"},
    **{7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
_STRUCT_LETTERS = dict(zip(_NUMBERS, "bBhHiIfdqQ", strict=True))
NUMERIC = range(6, 16)
"""Classes of matrices of numbers: double, single, and integers."""

_LONE_BYTES = 56
_LONE_WORDS = (MATRIX, 6, 8, 5, 8, 1, 1, 1, 0)
"""Of a matrix of one number: types of matrix and flags, type and length of its axes, no name."""


@dataclass(frozen=True)
class Header:
    """What stands before a matrix's content."""

    kind: int
    shape: tuple[int, ...]
    name: str
    content: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class Elements:
    """The data elements in some bytes: a tag with type and length each, then the data."""

    def __init__(self, content: bytes, order: str) -> None:
        self.content, self.order = content, order
        self._two, self._lone = struct.Struct(f"{order}II"), struct.Struct(f"{order}14I")
        self._readers = {
            kind: struct.Struct(order + letter) for kind, letter in _STRUCT_LETTERS.items()
        }

    def tag(self, position: int, end: int) -> tuple[int, int, int]:
        """Return an element's type, and where its data begin and end."""
        if position + 8 > end:
            raise ValueError("it is cut short")
        kind, length = self._two.unpack_from(self.content, position)
        if kind >> 16:  # four bytes of data or fewer lie in the tag itself
            start, kind, length = position + 4, kind & 0xFFFF, kind >> 16
            if length > 4:
                raise ValueError(f"a small element of {length} bytes")
        else:
            start = position + 8
        if start + length > end:
            raise ValueError("it is cut short")
        return kind, start, start + length

    def numbers(self, position: int, end: int) -> tuple[np.ndarray, int]:
        """Return an element's numbers, and where the next one begins."""
        kind, start, stop = self.tag(position, end)
        if kind not in _NUMBERS:
            raise ValueError(f"an element of type {kind} where numbers must be")
        dtype = np.dtype(self.order + _NUMBERS[kind])
        if (stop - start) % dtype.itemsize:
            raise ValueError(f"{stop - start} bytes are no whole numbers")
        count = (stop - start) // dtype.itemsize
        return np.frombuffer(self.content, dtype, count, start), padded(stop)

    def lone_number(self, position: int, end: int) -> tuple[int | float, int] | None:
        """Return a number as MATLAB writes it, and where the next matrix begins; else None.

        Nearly all of MPII's million matrices are such numbers: this makes reading four times as
        fast, and changes nothing else.
        """
        if position + _LONE_BYTES > end:
            return None
        words = self._lone.unpack_from(self.content, position)
        length, flags, kind = words[1], words[4], words[12]
        if words[:1] + words[2:4] + words[6:12] != _LONE_WORDS or flags & 0xFF not in NUMERIC:
            return None
        if kind >> 16:
            start, kind, n_bytes = position + 52, kind & 0xFFFF, kind >> 16
        else:
            start, n_bytes = position + 56, words[13]
        reader = self._readers.get(kind)
        stop = position + 8 + length
        if reader is None or n_bytes != reader.size or not start + n_bytes <= stop <= end:
            return None
        return reader.unpack_from(self.content, start)[0], padded(stop)

    def matrix_bounds(self, position: int, end: int, *, whole: bool = True) -> tuple[int, int]:
        """Return where a matrix's elements begin and end."""
        if position + 8 > end:
            raise ValueError("it is cut short")
        kind, length = self._two.unpack_from(self.content, position)
        if kind != MATRIX:
            raise ValueError(f"an element of type {kind} where a matrix must be")
        stop = position + 8 + length
        if whole and stop > end:
            raise ValueError("it is cut short")
        return position + 8, min(stop, end)

    def header(self, start: int, end: int) -> Header:
        flags, position = self.numbers(start, end)
        axes, position = self.numbers(position, end)
        _, name_start, name_end = self.tag(position, end)
        if not len(flags) or len(axes) > MAX_AXES:
            raise ValueError("a matrix without flags, or of too many axes")
        shape = tuple(int(length) for length in axes)
        if min(shape, default=0) < 0:
            raise ValueError(f"a matrix of shape {shape}")
        name = self.content[name_start:name_end].decode("latin-1")
        return Header(int(flags[0]) & 0xFF, shape, name, padded(name_end))


def padded(position: int) -> int:
    """Return where the next element begins, which is at a multiple of 8 bytes."""
    return -(-position // 8) * 8
