"""Local copies of what lies on a remote storage, for readers that know nothing but local files."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pose_lib.files.atomic_write import write_inside
from pose_lib.files.locations import Location, files_under, is_remote, plain_errors

_AT_ONCE = 1 << 24  # bytes: a video is not read into memory as a whole


@contextlib.contextmanager
def local_copy(path: Location) -> Iterator[Path]:
    """Give a local file or folder of the same content for the block; a local one is that itself.

    Raises:
        FileNotFoundError: If nothing is there.
        UnreachableError: If its storage does not answer.
    """
    if not is_remote(path):
        yield Path(str(path))
        return
    with tempfile.TemporaryDirectory(prefix="poselift-") as home:
        copy = Path(home) / (path.name or "copy")
        names = files_under(path)
        for name in names:
            with plain_errors(path):
                content = (path / name).read_bytes()
            write_inside(copy, name, content)
        if not names:
            with plain_errors(path), path.open("rb") as remote, copy.open("wb") as file:
                shutil.copyfileobj(remote, file, _AT_ONCE)
        yield copy
