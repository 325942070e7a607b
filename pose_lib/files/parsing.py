"""Files from outside: a value comes of them, or an ``InputError`` that names file and cause."""

import contextlib
import json
import lzma
import struct
import tokenize
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pose_lib.errors import InputError
from pose_lib.files.locations import Location

MAX_JSON_BYTES = 1 << 30
"""COCO's largest file of people has 0.24 GB. In memory it takes some ten times as much."""
MAX_TOML_BYTES = 1 << 18
"""A config has a few kB."""
MAX_TEXT_BYTES = 1 << 20
"""A list of joints has some hundred bytes."""

MALFORMED = (
    *(ValueError, EOFError, OverflowError, struct.error),  # no JSON, UTF-8, npy, ...; or cut short
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),  # no archive, or a damaged one
    *(NotImplementedError, RuntimeError),  # an archive is encrypted, a text is nested too deep
    *(SyntaxError, tokenize.TokenError, MemoryError),  # Python's parser, which numpy's headers meet
)
"""What parsers of files raise when the bytes do not follow the format."""

MISSHAPEN = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)
"""What values raise that are taken for what they are not: text for a number, a list for a dict."""


@contextlib.contextmanager
def parse_errors(path: Location, what: str, *, remedy: str = "") -> Iterator[None]:
    """Name the file in whatever a parser raises at it.

    Only parsers and what they call belong into the block: what our own code raises at values that
    were read well is for ``validation_errors``.

    Args:
        what: What the file should be, for errors: ``config file``.
        remedy: What to do about it.

    Raises:
        InputError: If the file cannot be opened, or does not follow its format.
    """
    advice = f"; {remedy}" if remedy else ""
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot read the {what} {path}: {reason}{advice}") from error
    except MALFORMED as error:
        reason = str(error) or type(error).__name__
        raise InputError(f"cannot read the {what} {path}: {reason}{advice}") from error


@contextlib.contextmanager
def validation_errors(path: Location, expected: str) -> Iterator[None]:
    """Name the file where its values are not what is expected of them.

    Args:
        expected: What is, for errors.

    Raises:
        InputError: If a value lacks, is of another kind or shape, or is out of range.
    """
    try:
        yield
    except InputError:
        raise
    except MISSHAPEN as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else f"{error}"
        raise InputError(f"{path} is not {expected}: {what}") from error


@contextlib.contextmanager
def bounded_memory(n_bytes: int) -> Iterator[None]:
    """Limit the memory that the process may take in the block, on Linux.

    For libraries in C, some of which keep asking for memory at a damaged file; what is refused
    becomes an error of theirs.
    """
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:  # no Linux
        yield
        return
    import resource  # not on every system

    before = resource.getrlimit(resource.RLIMIT_AS)
    allowed = pages * resource.getpagesize() + n_bytes
    if before[0] != resource.RLIM_INFINITY:
        allowed = min(allowed, before[0])
    resource.setrlimit(resource.RLIMIT_AS, (allowed, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def read_bytes(path: Location, what: str, *, max_bytes: int, remedy: str = "") -> bytes:
    """Return all bytes of a file.

    Raises:
        InputError: If it cannot be opened, or is larger than it has any reason to be.
    """
    with parse_errors(path, what, remedy=remedy):
        size = path.stat().st_size
        if size > max_bytes:
            raise InputError(f"{path} has {size} bytes; no {what} has more than {max_bytes}")
        return path.read_bytes()


def read_text(path: Location, what: str, *, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Return a file's text, which is UTF-8.

    Raises:
        InputError: If it cannot be read, or is too large.
    """
    content = read_bytes(path, what, max_bytes=max_bytes)
    with parse_errors(path, what):
        return content.decode()


def read_json(
    path: Location, what: str, *, max_bytes: int = MAX_JSON_BYTES, remedy: str = ""
) -> Any:
    """Return what a JSON file holds, as plain values.

    Raises:
        InputError: If it cannot be read, is no JSON, is too large or nested too deep.
    """
    content = read_bytes(path, what, max_bytes=max_bytes, remedy=remedy)
    with parse_errors(path, what, remedy=remedy):
        try:
            return json.loads(content)
        except ValueError as error:
            raise ValueError(f"it is no JSON ({error})") from error


def read_toml(path: Location, what: str) -> dict[str, Any]:
    """Return what a TOML file holds, as plain values.

    Raises:
        InputError: If it cannot be read, is no TOML, is too large or nested too deep.
    """
    text = read_text(path, what, max_bytes=MAX_TOML_BYTES)
    with parse_errors(path, what):
        return tomllib.loads(text)
