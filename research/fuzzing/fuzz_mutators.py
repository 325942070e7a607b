"""Changes to files that keep enough of their format for a reader to look further in.

A mutator takes bytes, a way to change plain bytes, and a source of chance, and returns other bytes;
where the bytes do not even follow the outer format, they are changed as plain ones.
"""

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

Change = Callable[[bytes], bytes]
Mutator = Callable[[bytes, Change, random.Random], bytes]

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 3, 1e308, -1e308, 2**31, 2**63, 2**64, -(2**63), 10**400),
    *(float("nan"), float("inf"), "", "a", "\x00", "\ud800", "../a", "/a", "a\nb", "\x1b[2J"),
    *([], {}, [[]], [{}], {"a": {}}, [0] * 75, ["x"] * 54, "x" * 5000, [1, 2], "nan", "COCO_18"),
)
_SHAPES = ("()", "(0,)", "(-1,)", "(4294967296, 4294967296)", "(1000000000000,)", "(3, 0, 2)")
_FORMATS = ("<f4", ">f8", "<f2", "<c16", "|b1", "<i8", "<U3", "|S5", "|O", "<M8[s]", "|V9", "<U0")
_TOML_PIECES = (
    *(
        "[",
        "]",
        "{",
        "}",
        "=",
        ".",
        '"',
        "'",
        '"""',
        "#",
        "\n",
        "nan",
        "inf",
        "-1",
        "true",
        "1e999",
    ),
    *("2024-01-01", "0xffffffffffffffffffff", "9" * 5000, '"\\u0000"', "[[[[", "a.b.c.d = 1\n"),
    *("seed = -1\n", "[gan]\n", "[[gan]]\n", "gan = 3\n", "seeds = [1.5]\n", "[variants.a]\n"),
)


def plain_bytes(data: bytes, change: Change, chance: random.Random) -> bytes:  # noqa: ARG001
    return change(data)


def json_values(data: bytes, change: Change, chance: random.Random) -> bytes:
    """Put odd values into a JSON text, double parts, take parts away, and nest them."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return change(data)
    if chance.random() < 0.2:
        return change(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        value = _changed(value, chance)
    try:
        return json.dumps(value).encode()
    except (RecursionError, ValueError):
        return change(data)


def toml_pieces(data: bytes, change: Change, chance: random.Random) -> bytes:
    """Put pieces of TOML between, over and instead of others."""
    if chance.random() < 0.3:
        return change(data)
    text = data.decode(errors="replace")
    start = chance.randrange(len(text) + 1)
    end = min(len(text), start + chance.choice((0, 0, 1, 5, 30)))
    piece = chance.choice((*_TOML_PIECES, text[: chance.randrange(len(text) + 1)]))
    return (text[:start] + piece + text[end:]).encode()


def npz_members(data: bytes, change: Change, chance: random.Random) -> bytes:
    """Change headers and content of the arrays in an archive, and now and then the archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # whatever is wrong with it
        return change(data)
    if not members or chance.random() < 0.15:
        return change(data)
    name = chance.choice(list(members))
    if chance.random() < 0.1:
        members.pop(name)
    else:
        members[name] = npy_header(members[name], change, chance)
    packing = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    return _zipped(members, packing)


def npy_header(data: bytes, change: Change, chance: random.Random) -> bytes:
    """Change shape or number format in a ``.npy`` header, or what follows it."""
    end = data.find(b"\n") + 1
    how = chance.random()
    if not data.startswith(b"\x93NUMPY") or not end or how < 0.2:
        return change(data)
    head, rest = data[10:end].decode("latin-1"), data[end:]
    if how < 0.5:
        return data[:end] + change(rest)
    if how < 0.75:
        head = _between(head, "'shape': ", ", }", chance.choice((*_SHAPES, _shape(chance))))
    else:
        head = _between(head, "'descr': ", ", 'fortran", repr(chance.choice(_FORMATS)))
    return data[:8] + struct.pack("<H", len(head) & 0xFFFF) + head.encode("latin-1") + rest


def mat_variable(data: bytes, change: Change, chance: random.Random) -> bytes:
    """Change the unpacked content of a ``.mat``'s first variable, and pack it again."""
    try:
        content = zlib.decompress(data[136:])
    except zlib.error:
        return change(data)
    content = _changed_word(content, chance) if chance.random() < 0.6 else change(content)
    packed = zlib.compress(content)
    if chance.random() < 0.2:
        return data[:128] + content
    return data[:128] + struct.pack("<II", 15, len(packed)) + packed


def safetensors_header(data: bytes, change: Change, chance: random.Random) -> bytes:
    """Change the JSON before the tensors, with its length made right again."""
    length = int.from_bytes(data[:8], "little")
    if not 0 < length <= len(data) - 8 or chance.random() < 0.3:
        return change(data)
    header = json_values(data[8 : 8 + length], change, chance)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def words(data: bytes, change: Change, chance: random.Random) -> bytes:
    """Put odd numbers where a binary file has words of four or eight bytes."""
    return _changed_word(data, chance) if chance.random() < 0.4 else change(data)


def either(mutator: Mutator) -> Mutator:
    """Return a mutator of two files in one: one of them is changed, by the mutator given."""

    def mutated(data: bytes, change: Change, chance: random.Random) -> bytes:
        pieces = list(parted(data))
        which = chance.randrange(2)
        pieces[which] = mutator(pieces[which], change, chance)
        return joined(*pieces)

    return mutated


def joined(first: bytes, second: bytes) -> bytes:
    """Return two files as one, the length of the first before them."""
    return len(first).to_bytes(4, "little") + first + second


def parted(data: bytes) -> tuple[bytes, bytes]:
    """Return the two files that `joined` made one."""
    end = 4 + int.from_bytes(data[:4], "little")
    return data[4:end], data[end:]


def _changed(value: Any, chance: random.Random, depth: int = 0) -> Any:
    """Return JSON's value with one part of it changed."""
    children = list(value.items()) if isinstance(value, dict) else []
    children = children or (list(enumerate(value)) if isinstance(value, list) else [])
    if not children or depth > 40 or chance.random() < 0.15:
        return _instead(value, chance)
    key, child = chance.choice(children)
    changed = dict(value) if isinstance(value, dict) else list(value)
    how = chance.random()
    if how < 0.1:
        del changed[key]
    elif how < 0.15 and isinstance(changed, dict):
        changed[str(chance.choice(ODD_VALUES))] = child
    elif how < 0.2 and isinstance(changed, list):
        changed += changed[: chance.randrange(20)]
    else:
        changed[key] = _changed(child, chance, depth + 1)
    return changed


def _instead(value: Any, chance: random.Random) -> Any:
    how = chance.random()
    if how < 0.7:
        return chance.choice(ODD_VALUES)
    if how < 0.8:
        return [value, value]
    if how < 0.9:
        return {"a": value}
    for _ in range(chance.choice((3, 90, 900))):
        value = [value]
    return value


def _changed_word(data: bytes, chance: random.Random) -> bytes:
    if len(data) < 8:
        return data
    width, letter = chance.choice(((4, "I"), (8, "Q"), (1, "B")))
    place = chance.randrange(len(data) // width) * width
    largest = (1 << 8 * width) - 1
    odd = (0, 1, 2, 3, 4, 5, 14, 15, 16, 56, 0xFFFF, 1 << 31, largest, largest - 7, len(data))
    number = chance.choice(odd) & largest
    return data[:place] + struct.pack("<" + letter, number) + data[place + width :]


def _between(text: str, start: str, end: str, new: str) -> str:
    head, found, rest = text.partition(start)
    _, last, tail = rest.partition(end)
    return head + start + new + last + tail if found and last else text


def _shape(chance: random.Random) -> str:
    return str(
        tuple(chance.choice((0, 1, 2, 3, 4, 15, 16, 25)) for _ in range(chance.randrange(5)))
    )


def _zipped(members: dict[str, bytes], packing: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, packing)
    return file.getvalue()
