"""Image names as they stand in stores and exports: relative paths with ``/``."""

from collections.abc import Iterable
from pathlib import Path, PurePath

from pose_lib.errors import InputError


def refuse_escaping_names(names: Iterable[str], origin: str | Path) -> None:
    """Make sure that files named after the images cannot land outside the folder chosen for them.

    Raises:
        InputError: If a name is empty, absolute, or climbs with ``..``.
    """
    for name in names:
        path = PurePath(name)
        if not path.name or path.anchor or ".." in path.parts or "\0" in name:
            raise InputError(
                f"{origin}: the image name {name!r} is not a relative path inside a folder"
            )
