"""Where inputs and results lie: folders of this machine, or of a storage named by a URL.

Local places are plain ``Path``s, all others ``UPath``s, which have the same methods. A service's
address and keys come from where its own package looks for them, such as ``AWS_ENDPOINT_URL`` and
``AWS_ACCESS_KEY_ID`` for S3; they are never part of a URL, which ends up in logs and databases.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

import fsspec
from upath import UPath
from upath.implementations.local import FilePath

from pose_lib.errors import InputError, RunFailedError

Location: TypeAlias = Path | UPath
"""What functions take that work on local and remote places alike."""

_EXTRA_OF = {"s3": "s3", "s3a": "s3"}
_PACKAGE_OF = {"gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "abfss": "adlfs", "az": "adlfs"}

_NO_MEMORY_OF_LISTINGS: dict[str, Any] = {"use_listings_cache": False}
"""Other processes write to the same folders; a remembered listing would hide what they wrote."""

MOST_REQUESTS_AT_ONCE = 32
"""To one storage, from one process."""

_PATIENT = {"mode": "standard", "max_attempts": 8}  # with pauses of up to 20 s: a minute or so
_HASTY = {"mode": "standard", "max_attempts": 2}

_NOT_LET_IN = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "ProfileNotFound",
    "NoAuthTokenError",
)
"""What botocore raises, which is no ``OSError``, where no request can even be signed."""

_GONE_OR_CLOSED = (FileNotFoundError, PermissionError, FileExistsError, IsADirectoryError)


class UnreachableError(RunFailedError):
    """A storage does not answer, which may pass; the message is one line."""


def location(text: str | Location) -> Location:
    """Return the place that a text names: absolute where it is local, a ``UPath`` for a URL.

    Raises:
        InputError: If the URL is of no known kind, holds a password, or needs a package that is
            not installed.
    """
    if not isinstance(text, str):
        return text.absolute() if isinstance(text, Path) else text
    if not is_url(text):
        return Path(text).absolute()
    _refuse_password(text)
    kind = text.split("://", 1)[0]
    _require_package(kind)
    try:
        path = UPath(text, **_options(kind, _PATIENT))
    except (ValueError, TypeError) as error:
        raise InputError(f"{text} is no URL of a folder or file: {error}") from error
    return Path(path.path).absolute() if isinstance(path, FilePath) else path


def is_url(text: str) -> bool:
    """Tell whether a text names a place by a URL, not a local path."""
    return "://" in text


def is_remote(path: Location) -> TypeGuard[UPath]:
    """Tell whether a place is not in this machine's own file system."""
    return not isinstance(path, Path)


def files_under(folder: Location) -> list[str]:
    """Return the names of all files in a folder at all depths, sorted; none where it is not.

    Links to other folders are not followed.

    Raises:
        UnreachableError: If a remote storage does not answer.
    """
    if isinstance(folder, Path):
        found = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
        return sorted(path.relative_to(folder).as_posix() for path in found)
    with plain_errors(folder):
        keys: list[str] = folder.fs.find(folder.path)
    own = folder.path.rstrip("/")
    return sorted(key.removeprefix(own).removeprefix("/") for key in keys if key != own)


def check_storage(path: Location) -> None:
    """Make sure, before long work, that a remote storage answers and knows the bucket.

    Raises:
        InputError: If it does not, with what to do, and without any key.
    """
    if not is_remote(path) or not path.drive:
        return
    hasty = UPath(str(path), **_options(path.protocol, _HASTY))
    bucket = f"{path.protocol}://{path.drive}"
    try:
        with plain_errors(path):
            hasty.fs.info(path.drive)
    except FileNotFoundError as error:
        raise InputError(f"there is no bucket {bucket}; make it, or correct the name") from error
    except (PermissionError, UnreachableError) as error:
        raise InputError(
            f"{error}; check the address, and the keys in the environment (docs/remote.md)"
        ) from error


@contextlib.contextmanager
def plain_errors(path: Location) -> Iterator[None]:
    """Turn whatever a storage's package raises in the block into one of few kinds, in one line.

    Raises:
        FileNotFoundError, PermissionError, FileExistsError: As for local files.
        UnreachableError: If it may work at another time.
    """
    try:
        yield
    except _GONE_OR_CLOSED as error:
        if not is_remote(path):
            raise
        raise type(error)(f"{path}: {one_line(error)}") from error
    except Exception as error:
        if not is_remote(path):
            raise
        kind = PermissionError if type(error).__name__ in _NOT_LET_IN else UnreachableError
        raise kind(f"{path}: {one_line(error)}") from error


def one_line(error: Exception) -> str:
    """Return what an error says in one line, without a password in a URL."""
    return re.sub(r"://[^/@\s]*@", "://...@", " ".join(str(error).split())) or type(error).__name__


def _options(kind: str, retries: dict[str, Any]) -> dict[str, Any]:
    if kind not in ("s3", "s3a"):
        return _NO_MEMORY_OF_LISTINGS
    config = {"retries": retries, "max_pool_connections": MOST_REQUESTS_AT_ONCE}
    return {**_NO_MEMORY_OF_LISTINGS, "config_kwargs": config}


def _refuse_password(url: str) -> None:
    kind, rest = url.split("://", 1)
    user, at, host = rest.split("/", 1)[0].rpartition("@")
    if at and ":" in user:
        raise InputError(
            f"the URL {kind}://...@{host} holds a password, which logs would show; "
            "give it by the environment or the storage's own settings"
        )


def _require_package(kind: str) -> None:
    try:
        fsspec.get_filesystem_class(kind)
    except ValueError as error:
        raise InputError(
            f"{kind}:// is no known kind of storage; there are s3://, gs://, abfs:// and others "
            "that fsspec knows"
        ) from error
    except ImportError as error:
        raise InputError(
            f"{kind}:// needs a package that is not installed: {_how(kind)}"
        ) from error


def _how(kind: str) -> str:
    if kind in _EXTRA_OF:
        return f'pip install "poselift[{_EXTRA_OF[kind]}]"'
    if kind in _PACKAGE_OF:
        return f"pip install {_PACKAGE_OF[kind]}"
    return f"pip install what fsspec names for {kind}://"
