"""A text file with the path of an image on each line, here or on a remote storage."""

import posixpath
from collections.abc import Sequence
from itertools import islice

from pose_lib.errors import InputError
from pose_lib.formats.file_names import IMAGE_SUFFIXES, is_image
from pose_lib.formats.locations import Location, is_url, location, plain_errors

_MOST_TRIED = 100
"""Images that are looked for before a list is taken for one of another folder."""


def read_image_list(path: Location) -> tuple[Location, tuple[str, ...]]:
    """Return the folder that holds all images on a list, its own if it does, and their names there.

    The paths are absolute, URLs, or relative to the list's folder; empty lines and those that
    begin with ``#`` are passed over.

    Raises:
        InputError: If it names what is no image, or no image that is there.
        OSError: If it cannot be read.
    """
    places = sorted({_place(path.parent, line) for line in _lines(path)})
    kinds = {kind for kind, _ in places}
    if len(kinds) > 1:
        raise InputError(f"the list {path} names images in several storages; make a list for each")
    if not places:
        return path.parent, ()
    kind = kinds.pop()
    files = [file for _, file in places]
    home = _place(path.parent, "")
    root = home[1] if home[0] == kind and _all_inside(files, home[1]) else _common(files, path)
    try:
        folder = location(kind + root)
    except InputError as error:  # a storage that is not known
        raise InputError(f"the list {path}: {error}") from error
    names = tuple(posixpath.relpath(file, root) for file in files)
    if not any((folder / name).exists() for name in islice(names, _MOST_TRIED)):
        raise InputError(
            f"of {len(names)} images on the list {path} none is there, such as "
            f"{folder / names[0]}; paths on it are relative to {path.parent}"
        )
    return folder, names


def _lines(path: Location) -> list[str]:
    try:
        with plain_errors(path):
            text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"the list {path} is not valid UTF-8: {error.reason}") from error
    lines = {number: line.strip() for number, line in enumerate(text.splitlines(), start=1)}
    named = {number: line for number, line in lines.items() if line and line[0] != "#"}
    for number, line in named.items():
        if not is_image(line):
            kinds = ", ".join(IMAGE_SUFFIXES)
            raise InputError(f"{path}, line {number}: {line!r} is no image by its suffix ({kinds})")
    return list(named.values())


def _place(home: Location, line: str) -> tuple[str, str]:
    """Return the kind of storage, as ``s3://`` or nothing, and the path in it of what is named.

    The path is made plain by its text alone, for resolving a link would change the image's name.
    """
    if not is_url(line):
        here = f"{home.absolute()}"
        line = line if line.startswith("/") and not is_url(here) else f"{here}/{line}"
    kind, mark, place = line.rpartition("://")
    return kind + mark, posixpath.normpath(place)


def _all_inside(files: Sequence[str], folder: str) -> bool:
    return all(file.startswith(f"{folder.rstrip('/')}/") for file in files)


def _common(files: Sequence[str], path: Location) -> str:
    common = posixpath.commonpath([posixpath.dirname(file) for file in files])
    if not common:
        raise InputError(f"the images on the list {path} have no folder in common; make two lists")
    return common
