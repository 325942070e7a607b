"""Files as bytes, the hash of their content, and fingerprints that change when a file does."""

import itertools
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from upath import UPath

from pose_lib.files.locations import Location, is_remote, plain_errors

_PART = 1 << 22
_REMOTE_PART = 1 << 26
"""Of one request: all of nearly every picture, and of any 32 at once no more than 2 GB."""

_RECENT_NS = 2_000_000_000
"""A file that changed so short ago may change again without a later time: clocks of files tick in
steps of up to 2 s (FAT)."""

_SIGNS_OF_CHANGE = ("ETag", "etag", "md5Hash", "generation", "mtime", "modified", "created")
"""Keys of storages' listings that change with a file's content; best first."""


class TooManyBytesError(Exception):
    """A file is larger than allowed; the message is one line."""


def read_content(path: Location, *, max_bytes: int) -> bytes:
    """Return what a file holds; at a remote one this is one request.

    Raises:
        OSError: If it cannot be opened, or is no regular file (a pipe would block for ever).
        TooManyBytesError: If it has more bytes than that, which are not read.
        UnreachableError: If its storage does not answer.
    """
    if isinstance(path, Path):
        _check_file(path, max_bytes)
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    else:
        with plain_errors(path):
            content = _read_remote(path, 0, max_bytes + 1)
    _check_length(len(content), max_bytes)
    return content


def content_digest(content: bytes) -> str:
    """Return the hash by which contents are known."""
    return blake2b(content, digest_size=16).hexdigest()


def file_digest(path: Location, *, max_bytes: int = sys.maxsize) -> str:
    """Return `content_digest` of what a file holds, without having all of it in memory.

    Raises:
        OSError, TooManyBytesError, UnreachableError: As `read_content`.
    """
    digest, n_bytes = blake2b(digest_size=16), 0
    for part in _local_parts(path, max_bytes) if isinstance(path, Path) else _remote_parts(path):
        n_bytes += len(part)
        _check_length(n_bytes, max_bytes)
        digest.update(part)
    return digest.hexdigest()


def file_fingerprint(path: Location) -> str:
    """Return a text that changes whenever the file does; empty where its storage has none.

    That of a local file has the time of the last change to its inode, which cannot be set back.

    Raises:
        OSError: If there is no such file.
        UnreachableError: If its storage does not answer.
    """
    if isinstance(path, Path):
        facts = path.stat()
        return f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns}"
    with plain_errors(path):
        return listed_fingerprint(path.fs.info(path.path))


def stable_fingerprint(path: Location) -> str:
    """Return a file's fingerprint, or nothing if the file may change without a change of it.

    Raises:
        OSError, UnreachableError: As `file_fingerprint`.
    """
    fingerprint = file_fingerprint(path)
    if is_remote(path):
        return fingerprint
    changed = max(int(time_ns) for time_ns in fingerprint.split()[1:])
    return fingerprint if time.time_ns() - changed > _RECENT_NS else ""


def listed_fingerprint(entry: Mapping[str, Any]) -> str:
    """Return a remote file's fingerprint from its entry in a listing; empty where it has none."""
    for sign in _SIGNS_OF_CHANGE:
        if entry.get(sign):
            return f"{entry.get('size')} {entry[sign]}"
    return ""


def _local_parts(path: Path, max_bytes: int) -> Iterator[bytes]:
    _check_file(path, max_bytes)
    with path.open("rb") as file:
        while part := file.read(_PART):
            yield part


def _remote_parts(path: UPath) -> Iterator[bytes]:
    for start in itertools.count(0, _REMOTE_PART):
        with plain_errors(path):
            part = _read_remote(path, start, start + _REMOTE_PART)
        yield part
        if len(part) < _REMOTE_PART:
            return


def _read_remote(path: UPath, start: int, end: int) -> bytes:
    try:
        content: bytes = path.fs.cat_file(path.path, start=start, end=end)
    except OSError as error:
        if "range" not in str(error).lower():  # what S3 says of any part behind a file's end
            raise
        content = b""
    return content


def _check_file(path: Path, max_bytes: int) -> None:
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(0, "it is no regular file", str(path))
    _check_length(facts.st_size, max_bytes)


def _check_length(n_bytes: int, max_bytes: int) -> None:
    if n_bytes > max_bytes:
        raise TooManyBytesError(f"{n_bytes} bytes or more are above the limit of {max_bytes}")
