"""Files that are there whole or not at all, here and on remote storages, and never astray."""

import contextlib
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from pose_lib.errors import InputError
from pose_lib.files.locations import MOST_REQUESTS_AT_ONCE, Location, is_remote, plain_errors
from pose_lib.files.safe_names import fitting_name, refuse_escaping_names


def write_atomic(path: Location, content: bytes) -> None:
    """Write a file that nobody ever sees in part; makes its folder.

    A local one is written under a temporary name beside its place and then put there. Object
    storages show what is sent to them when it is complete, so there it is one request.

    Raises:
        InputError: If the folder cannot be made or written to.
        UnreachableError: If its storage does not answer.
    """
    try:
        put_atomic(path, content)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def put_atomic(path: Location, content: bytes) -> None:
    """Write a file as `write_atomic`, for callers that tell apart why it cannot be written.

    Raises:
        OSError: If the folder cannot be made or written to.
        UnreachableError: If its storage does not answer.
    """
    if isinstance(path, Path):
        _replace(path, content)
    else:
        with plain_errors(path):
            path.fs.pipe_file(path.path, content)


def write_inside(folder: Location, name: str, content: bytes) -> Location:
    """Write a file that is named by an input, as `write_atomic`, and return its path.

    Whatever the name is, and wherever links in the folder lead, it lies below the folder. A name
    too long for a file system is cut.

    Raises:
        InputError: If it would lie elsewhere, or cannot be written.
    """
    path = path_inside(folder, name)
    write_atomic(path, content)
    return path


def path_inside(folder: Location, name: str) -> Location:
    """Return where `write_inside` writes.

    Raises:
        InputError: If that is not below the folder.
    """
    refuse_escaping_names([name], folder)
    path = folder / fitting_name(name)
    if not isinstance(path, Path) or not isinstance(folder, Path):
        return path  # object storages have no links
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{path} would lie outside {folder}, for a folder in it is a link; remove the link"
        )
    return path


def write_all_inside(folder: Location, files: Iterable[tuple[str, bytes]]) -> None:
    """Write many files as `write_inside`, at a remote storage many at a time.

    Args:
        files: Name and content of each; made when needed, so that few are held in memory.
    """
    if not is_remote(folder):
        for name, content in files:
            write_inside(folder, name, content)
        return
    remaining = iter(files)
    with ThreadPoolExecutor(MOST_REQUESTS_AT_ONCE) as pool:
        while some := list(islice(remaining, 4 * MOST_REQUESTS_AT_ONCE)):
            for _ in pool.map(lambda file: write_inside(folder, *file), some):
                pass


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{uuid.uuid4().hex}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
