"""Finding images: in folders, by patterns, on lists, among the frames of a video."""

import glob
import itertools
import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from upath import UPath

from pose_lib.errors import InputError
from pose_lib.files.atomic_write import write_atomic
from pose_lib.files.content_hash import listed_fingerprint
from pose_lib.files.locations import (
    Location,
    check_storage,
    is_remote,
    is_url,
    location,
    plain_errors,
)
from pose_lib.files.safe_names import (
    IMAGE_SUFFIXES,
    VIDEO_SUFFIXES,
    is_image,
    is_video,
    refuse_strange_names,
)
from pose_lib.images.decode import MAX_PIXELS, UnreadableImage
from pose_lib.images.source import ImageSource
from pose_lib.images.video import count_frames

OUTPUT_MARK = ".poselift-output"
"""An empty file in a folder of results, so that they are not taken for photographs."""

_MOST_TRIED = 100
"""Images that are looked for before a list is taken for one of another folder."""

_Listing = tuple[Location, dict[str, str]]
"""A folder, and the files in it by their relative names: each with its fingerprint where the
listing brought it, else with an empty text."""


def find_images(source: str | Location, *, max_pixels: int = MAX_PIXELS) -> ImageSource:
    """Find the images of a folder, a glob pattern, a list, a single image file, or a video.

    Each of them may be a URL such as ``s3://bucket/photos``.

    A folder is searched to all depths; hidden files and folders, files that are no image by their
    suffix, links to other folders, and folders of our own results (`mark_output`) are passed over.

    A list is a ``.txt`` with a path or URL on each line, absolute or relative to the list's own
    folder; empty lines and those that begin with ``#`` are passed over. An image on it that is not
    there is unreadable, as one that was deleted after the search would be.

    Raises:
        InputError: If there is nothing to read: no such place, or no image in it.
        UnreachableError: If the storage does not answer any more.
    """
    path = location(source)
    check_storage(path)
    try:
        root, files = _list_files(path)
        refuse_strange_names(files, root)
        if not files:
            raise InputError(_nothing_found(source, path))
        found = {name: files[file] for file in files for name in _names_in(root, file)}
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror or error}") from error
    names = tuple(sorted(found))
    listed = tuple(found[name] for name in names) if is_remote(root) else ()
    # Absolute, because a worker may run in another folder.
    root = root.resolve() if isinstance(root, Path) else root
    return ImageSource(root, names, max_pixels, listed=listed)


def check_images(source: str | Location) -> None:
    """Make sure that there is an image or a video, without a list of all.

    Of a remote place only that its storage answers: a listing of it can take minutes.

    Raises:
        InputError: If there is none.
    """
    path = location(source)
    check_storage(path)
    if not isinstance(path, Path):
        return
    try:
        found = holds_images(path) if path.is_dir() else bool(_list_files(path)[1])
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror or error}") from error
    if not found:
        raise InputError(_nothing_found(source, path))


def mark_output(folder: Location) -> None:
    """Mark a folder of results, so that a search for images above it passes it over."""
    write_atomic(folder / OUTPUT_MARK, b"")


def holds_images(folder: Path) -> bool:
    """Tell whether there is any image in the folder, at any depth."""
    return next(_walk(folder), None) is not None


def _list_files(path: Location) -> _Listing:
    """List the images and videos of a folder, a pattern, a list (.txt), or a file; maybe none."""
    if path.suffix.lower() == ".txt" and (is_remote(path) or path.is_file()):
        root, names = _read_list(path)
        return root, dict.fromkeys(names, "")
    if not isinstance(path, Path):
        return _list_remote(path)
    if path.is_dir():
        return path, dict.fromkeys(_walk(path), "")
    matches = [str(path)] if path.is_file() else glob.glob(str(path), recursive=True)  # noqa: PTH207
    files = [match for match in matches if _is_wanted(match) and Path(match).is_file()]
    local = path.parent if path.is_file() else path.parents[_depth_of_wildcards(path.parts)]
    return local, {Path(file).relative_to(local).as_posix(): "" for file in files}


def _list_remote(path: UPath) -> _Listing:
    with plain_errors(path):
        found: dict[str, Any] = path.fs.find(path.path, detail=True)
        if not found and glob.has_magic(path.path):
            found = path.fs.glob(path.path, detail=True)
            path = path.parents[_depth_of_wildcards(path.parts)]
    own = path.path.rstrip("/")
    if own in found:  # a file
        path, own = path.parent, posixpath.dirname(own)
    entries = {name.removeprefix(own).removeprefix("/"): entry for name, entry in found.items()}
    return path, {name: listed_fingerprint(entries[name]) for name in _photographs(entries)}


def _photographs(names: Iterable[str]) -> Iterator[str]:
    """Leave out what a search of a local folder would not look into either."""
    marked = {posixpath.dirname(n) for n in names if posixpath.basename(n) == OUTPUT_MARK} - {""}
    for name in names:
        *folders, file = name.split("/")
        above = set(itertools.accumulate(folders, posixpath.join)) if marked else set()
        hidden = any(part.startswith(".") and part not in ("..", ".") for part in (*folders, file))
        if hidden or any(part.endswith(".zarr") for part in folders) or marked & above:
            continue
        if _is_wanted(name):
            yield name


def _walk(folder: Path) -> Iterator[str]:
    """Give the names of the images in a local folder, at all depths."""

    def stop(error: OSError) -> None:
        raise error

    for parent, folders, files in os.walk(folder, onerror=stop):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and not name.endswith(".zarr")
            and not Path(parent, name, OUTPUT_MARK).exists()
        ]
        inside = Path(parent).relative_to(folder).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        yield from (prefix + n for n in files if not n.startswith(".") and is_image(n))


def _depth_of_wildcards(parts: Sequence[str]) -> int:
    """Return how many folders lie between a pattern's last part and its last plain folder."""
    plain = itertools.takewhile(lambda part: not glob.has_magic(part), parts[:-1])
    return len(parts) - 1 - len(list(plain))


def _is_wanted(name: str) -> bool:
    return is_image(name) or is_video(name)


def _names_in(root: Location, file: str) -> list[str]:
    """Return the name of an image, or those of a video's frames."""
    if not is_video(file):
        return [file]
    try:
        n_frames = count_frames(root / file)
    except UnreadableImage as error:
        raise InputError(f"the video {root / file} cannot be decoded: {error}") from error
    if not n_frames:
        raise InputError(f"the video {root / file} cannot be decoded: not one frame could be read")
    digits = max(6, len(str(n_frames - 1)))
    return [f"{file}/{frame:0{digits}}" for frame in range(n_frames)]


def _nothing_found(source: str | Location, path: Location) -> str:
    kinds = ", ".join(IMAGE_SUFFIXES)
    either = ", ".join(IMAGE_SUFFIXES + VIDEO_SUFFIXES)
    if path.is_dir():
        return f"no image in {source}: images end in {kinds}; of a video give the file"
    if path.suffix.lower() == ".txt" and path.exists():
        return f"the list {source} names no image: it has a path on each line"
    if path.exists():
        return f"{source} is neither image nor video by its suffix (known: {either})"
    if glob.has_magic(str(source)):
        return f"no image or video matches {source}: files that end in {either} count"
    return f"no image, folder or video at {source}: there is no such path"


def _read_list(path: Location) -> tuple[Location, list[str]]:
    """Return the folder that holds all images on a list, its own if it does, and their names there.

    Raises:
        InputError: If it names what is no image, or no image that is there.
    """
    places = sorted({_place(path.parent, line) for line in _lines(path)})
    if not places:
        return path.parent, []
    kinds, files = {kind for kind, _ in places}, [file for _, file in places]
    if len(kinds) > 1:
        raise InputError(f"the list {path} names images in several storages; make a list for each")
    kind = kinds.pop()
    home_kind, home = _place(path.parent, "")
    if home_kind == kind and all(file.startswith(f"{home.rstrip('/')}/") for file in files):
        root = home
    elif not (root := posixpath.commonpath([posixpath.dirname(file) for file in files])):
        raise InputError(f"the images on the list {path} have no folder in common; make two lists")
    try:
        folder = location(kind + root)
    except InputError as error:  # a storage that is not known
        raise InputError(f"the list {path}: {error}") from error
    names = [posixpath.relpath(file, root) for file in files]
    if not any((folder / name).exists() for name in names[:_MOST_TRIED]):
        raise InputError(
            f"of {len(names)} images on the list {path} none is there, such as "
            f"{folder / names[0]}; paths on it are relative to {path.parent}"
        )
    return folder, names


def _lines(path: Location) -> Iterator[str]:
    try:
        with plain_errors(path):
            text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"the list {path} is not valid UTF-8: {error.reason}") from error
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if line and not line.startswith("#"):
            if not is_image(line):
                kinds = ", ".join(IMAGE_SUFFIXES)
                raise InputError(
                    f"{path}, line {number}: {line!r} is no image by its suffix ({kinds})"
                )
            yield line


def _place(home: Location, line: str) -> tuple[str, str]:
    """Return the kind of storage, as ``s3://`` or nothing, and the path in it of what is named.

    The path is made plain by its text alone, for resolving a link would change the image's name.
    """
    if not is_url(line):
        here = f"{home.absolute()}"
        line = line if line.startswith("/") and not is_url(here) else f"{here}/{line}"
    kind, mark, place = line.rpartition("://")
    return kind + mark, posixpath.normpath(place)
