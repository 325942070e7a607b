"""What a store asks of a storage beside zarr's arrays: small files that are listed, read, removed.

All of it holds on object storages too, where nothing is renamed.
"""

import contextlib
import errno
from pathlib import Path

from pose_lib.files.locations import Location, plain_errors


def object_names(folder: Location) -> list[str]:
    """Return the names of what is in a folder, sorted; none where there is no folder."""
    try:
        if isinstance(folder, Path):
            return sorted(path.name for path in folder.iterdir())
        with plain_errors(folder):
            paths = folder.fs.ls(folder.path, detail=False, refresh=True)
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in paths)
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_object(path: Location) -> bytes | None:
    """Return what a file holds, None if it is not there."""
    try:
        if isinstance(path, Path):
            return path.read_bytes()
        content: bytes
        with plain_errors(path):
            content = path.fs.cat_file(path.path)
    except FileNotFoundError:
        return None
    return content


def remove_object(path: Location) -> None:
    """Remove a file if it is there."""
    with contextlib.suppress(FileNotFoundError):
        if isinstance(path, Path):
            path.unlink()
        else:
            with plain_errors(path):
                path.fs.rm_file(path.path)


def create_object(path: Location, content: bytes) -> bool:
    """Make a file unless there is one; tell whether it was made. Of many who try one succeeds."""
    try:
        if isinstance(path, Path):
            _create_file(path, content)
        else:
            with plain_errors(path):
                path.fs.pipe_file(path.path, content, mode="create")
    except FileExistsError:
        return False
    return True


def _create_file(path: Path, content: bytes) -> None:
    _make_folder(path.parent)
    try:
        file = path.open("xb")
    except FileNotFoundError:  # another process has just removed the empty folder
        _make_folder(path.parent)
        file = path.open("xb")
    try:
        with file:
            file.write(content)
    except OSError:  # a full disk
        path.unlink()
        raise


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # which would pass for a file that another process made
        reason = "a file, or a link that leads nowhere, is in its place"
        raise NotADirectoryError(errno.ENOTDIR, reason, str(folder)) from error
