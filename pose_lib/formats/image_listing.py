"""Which files of a folder, a glob pattern or a list are photographs, here or on a remote storage.

A remote folder is listed by one recursive request (of a thousand names each, on S3), and what the
listing tells of each file serves to see later whether it has changed.
"""

import glob
import itertools
import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upath import UPath

from pose_lib.formats.file_contents import listed_stamp
from pose_lib.formats.file_names import is_image, is_video, refuse_strange_names
from pose_lib.formats.image_list import read_image_list
from pose_lib.formats.locations import Location, location, plain_errors
from pose_lib.formats.whole_file import write_whole

OUTPUT_MARK = ".poselift-output"
"""An empty file in a folder of results, so that they are not taken for photographs."""


@dataclass(frozen=True)
class Listing:
    """Some image or video files.

    Attributes:
        root: The folder that the names are relative to.
        stamps: By name, what tells whether the file has changed, where the listing brought it;
            empty where it did not.
    """

    root: Location
    stamps: Mapping[str, str]


def list_files(source: str | Location) -> Listing:
    """List the files of a folder, a glob pattern, a list (.txt), or a file; maybe none.

    Raises:
        InputError: If names could lead outside the folder, or a list is not in order.
        OSError: If the place cannot be read.
        UnreachableError: If its storage does not answer.
    """
    path = location(source)
    listing = _list_local(path) if isinstance(path, Path) else _list_remote(path)
    refuse_strange_names(listing.stamps, listing.root)
    return listing


def mark_output(folder: Location) -> None:
    """Mark a folder of results, so that a search for images above it passes it over."""
    write_whole(folder / OUTPUT_MARK, b"")


def holds_images(folder: Path) -> bool:
    """Tell whether there is any image in the folder, at any depth."""
    return next(_walk(folder), None) is not None


def _list_local(path: Path) -> Listing:
    if path.is_dir():
        return _without_stamps(path, _walk(path))
    if path.suffix.lower() == ".txt" and path.is_file():
        return _without_stamps(*read_image_list(path))
    matches = [str(path)] if path.is_file() else glob.glob(str(path), recursive=True)  # noqa: PTH207
    files = [match for match in matches if _is_picture(match) and Path(match).is_file()]
    root = path.parent if path.is_file() else path.parents[_depth_of_wildcards(path.parts)]
    return _without_stamps(root, (Path(file).relative_to(root).as_posix() for file in files))


def _list_remote(path: UPath) -> Listing:
    if path.suffix.lower() == ".txt":
        return _without_stamps(*read_image_list(path))
    with plain_errors(path):
        found: dict[str, Any] = path.fs.find(path.path, detail=True)
        if not found and glob.has_magic(path.path):
            found = path.fs.glob(path.path, detail=True)
            path = path.parents[_depth_of_wildcards(path.parts)]
    own = path.path.rstrip("/")
    if own in found:  # a file
        path, own = path.parent, posixpath.dirname(own)
    entries = {name.removeprefix(own).removeprefix("/"): entry for name, entry in found.items()}
    return Listing(path, {name: listed_stamp(entries[name]) for name in _photographs(entries)})


def _photographs(names: Iterable[str]) -> Iterator[str]:
    """Leave out what a search of a local folder would not look into either."""
    marked = {posixpath.dirname(n) for n in names if posixpath.basename(n) == OUTPUT_MARK} - {""}
    for name in names:
        *folders, file = name.split("/")
        above = {"/".join(folders[: depth + 1]) for depth in range(len(folders))} if marked else ()
        hidden = any(part.startswith(".") and part not in ("..", ".") for part in (*folders, file))
        if hidden or any(part.endswith(".zarr") for part in folders) or marked & set(above):
            continue
        if _is_picture(name):
            yield name


def _walk(folder: Path) -> Iterator[str]:
    """Give the names of the images in a local folder, at all depths."""

    def stop(error: OSError) -> None:
        raise error

    for parent, folders, files in os.walk(folder, onerror=stop):
        folders[:] = [name for name in folders if not _is_passed_over(Path(parent, name))]
        inside = Path(parent).relative_to(folder).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        yield from (prefix + n for n in files if not n.startswith(".") and is_image(n))


def _is_passed_over(folder: Path) -> bool:
    return (
        folder.name.startswith(".") or folder.suffix == ".zarr" or (folder / OUTPUT_MARK).exists()
    )


def _depth_of_wildcards(parts: Sequence[str]) -> int:
    """Return how many folders lie between a pattern's last part and its last plain folder."""
    plain = itertools.takewhile(lambda part: not glob.has_magic(part), parts[:-1])
    return len(parts) - 1 - len(list(plain))


def _is_picture(name: str) -> bool:
    return is_image(name) or is_video(name)


def _without_stamps(root: Location, names: Iterable[str]) -> Listing:
    return Listing(root, dict.fromkeys(names, ""))
