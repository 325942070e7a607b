"""Files that are there whole or not at all."""

import contextlib
import uuid
from pathlib import Path

from pose_lib.errors import InputError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside its place, then put it there; makes its folder.

    Raises:
        InputError: If the folder cannot be made or written to.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
