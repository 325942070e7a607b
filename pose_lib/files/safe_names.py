"""Names of images as they stand in stores and exports: relative paths with ``/``."""

import re
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path, PurePath, PurePosixPath
from posixpath import splitext

from upath import UPath

from pose_lib.errors import InputError

IMAGE_SUFFIXES = (
    *(".bmp", ".dib", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm"),
    *(".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm")


def is_image(name: str) -> bool:
    """Tell whether a file is an image by its suffix."""
    return splitext(name)[1].lower() in IMAGE_SUFFIXES


def is_video(name: str) -> bool:
    """Tell whether a file is a video by its suffix."""
    return splitext(name)[1].lower() in VIDEO_SUFFIXES


def refuse_escaping_names(names: Iterable[str], origin: str | Path | UPath) -> None:
    """Make sure that files named after the images cannot land outside the folder chosen for them.

    Raises:
        InputError: If a name is empty, absolute, climbs with ``..``, or cannot be a file's.
    """
    for name in names:
        path = PurePath(name)
        escapes = not path.name or bool(path.anchor) or ".." in path.parts
        if escapes or _IMPOSSIBLE.search(name):
            raise InputError(
                f"{origin}: the image name {name!a} is not a relative path inside a folder"
            )


def refuse_strange_names(names: Iterable[str], folder: str | Path | UPath) -> None:
    """Make sure that the files found in a folder are named as a file system names them.

    Object storages allow any key: with ``..`` or empty parts, which mean other files elsewhere.

    Raises:
        InputError: If some are not, with how many and the first.
    """
    strange = [name for name in names if _STRANGE.search(name)]
    if strange:
        raise InputError(
            f"{folder}: {len(strange)} file names are not valid UTF-8 or not plain, such as "
            f"{strange[0]!a}; rename these files"
        )


def fitting_name(name: str, *, ending: str = "") -> str:
    """Return the name with too long parts cut, and a hash in place of what was cut.

    What stays of such a part are its beginning and its suffix, or the ending where it has that.
    """
    return "/".join(
        part if len(part.encode()) <= _MOST_BYTES else _shortened(part, ending)
        for part in name.split("/")
    )


def spreadsheet_name(name: str) -> str:
    """Return a name for the same file that no spreadsheet takes for a formula.

    Source: OWASP, CSV Injection, for the characters.
    """
    return f"./{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else name


def _shortened(part: str, ending: str) -> str:
    digest = blake2b(part.encode(), digest_size=8).hexdigest()
    kept = ending if ending and part.endswith(ending) else PurePosixPath(part).suffix[-20:]
    tail = f"~{digest}{kept}"
    beginning = part.encode()[: _MOST_BYTES - len(tail.encode())]
    return beginning.decode(errors="ignore") + tail


_MOST_BYTES = 255
"""Of one part of a path, on all usual file systems."""

_IMPOSSIBLE = re.compile("[\\0\ud800-\udfff]")
_STRANGE = re.compile("[\\0\ud800-\udfff]|(^|/)\\.{0,2}(/|$)")
