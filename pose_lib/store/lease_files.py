"""The small files by which processes agree on who writes a store: numbered, each made just once.

Only two things are asked of a storage: that an object can be made on condition that there is
none of its name, and that a small one is replaced whole.
"""

import contextlib
import errno
from pathlib import Path

from pose_lib.files.locations import Location

LEASE_SUFFIX = ".lease"


def lease_numbers(store: Location) -> list[int]:
    """Return the numbers of the leases in the store, ascending; none where there is no store."""
    names = [name for name in _names(store) if name.endswith(LEASE_SUFFIX)]
    numbers = [name.removesuffix(LEASE_SUFFIX) for name in names]
    return sorted(int(number) for number in numbers if number.isdecimal())


def read_lease(store: Location, number: int) -> bytes | None:
    """Return what a lease says, None if it is not there."""
    path = _path(store, number)
    try:
        return path.read_bytes() if isinstance(path, Path) else path.fs.cat_file(path.path)
    except FileNotFoundError:
        return None


def make_lease(store: Location, number: int, content: bytes) -> bool:
    """Make a lease unless there is one of that number; tell whether it was made."""
    path = _path(store, number)
    try:
        if isinstance(path, Path):
            _make_file(path, content)
        else:
            path.fs.pipe_file(path.path, content, mode="create")
    except FileExistsError:
        return False
    return True


def replace_lease(store: Location, number: int, content: bytes) -> None:
    """Write a lease anew."""
    path = _path(store, number)
    if not isinstance(path, Path):
        path.fs.pipe_file(path.path, content)
        return
    temporary = _temporary(path)
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def remove_lease(store: Location, number: int) -> None:
    """Remove a lease if it is there, and with the last one a store's folder that holds no more."""
    path = _path(store, number)
    if not isinstance(path, Path):
        with contextlib.suppress(FileNotFoundError):
            path.fs.rm_file(path.path)
        return
    path.unlink(missing_ok=True)
    _temporary(path).unlink(missing_ok=True)  # of a holder that was killed while it wrote
    with contextlib.suppress(OSError):
        path.parent.rmdir()


def _make_file(path: Path, content: bytes) -> None:
    _make_folder(path.parent)
    try:
        file = path.open("xb")
    except FileNotFoundError:  # who left just now took the empty folder away
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
    except FileExistsError as error:  # which would pass for a lease that another made
        reason = "a file, or a link that leads nowhere, is in its place"
        raise NotADirectoryError(errno.ENOTDIR, reason, str(folder)) from error


def _temporary(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


def _names(store: Location) -> list[str]:
    try:
        if isinstance(store, Path):
            return [path.name for path in store.iterdir()]
        paths = store.fs.ls(store.path, detail=False, refresh=True)
        return [str(path).rstrip("/").rpartition("/")[2] for path in paths]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _path(store: Location, number: int) -> Location:
    return store / f"{number}{LEASE_SUFFIX}"
