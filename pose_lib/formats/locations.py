"""Where inputs and results lie: folders of this machine, or of a storage named by a URL.

Local places are plain ``Path``s, all others ``UPath``s, which have the same methods. A service's
address and keys come from where its own package looks for them, such as ``AWS_ENDPOINT_URL`` and
``AWS_ACCESS_KEY_ID`` for S3; they are never part of a URL, which ends up in logs and databases.
"""

from pathlib import Path
from typing import Any, TypeAlias

import fsspec
from upath import UPath
from upath.implementations.local import FilePath

from pose_lib.errors import InputError

Location: TypeAlias = Path | UPath
"""What functions take that work on local and remote places alike."""

_EXTRA_OF = {"s3": "s3", "s3a": "s3"}
_PACKAGE_OF = {"gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "abfss": "adlfs", "az": "adlfs"}

_OPTIONS: dict[str, Any] = {"use_listings_cache": False}
"""Other processes write to the same folders; a remembered listing would hide what they wrote."""


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
        path = UPath(text, **_OPTIONS)
    except (ValueError, TypeError) as error:
        raise InputError(f"{text} is no URL of a folder or file: {error}") from error
    return Path(path.path).absolute() if isinstance(path, FilePath) else path


def is_url(text: str) -> bool:
    """Tell whether a text names a place by a URL, not a local path."""
    return "://" in text


def is_remote(path: Location) -> bool:
    """Tell whether a place is not in this machine's own file system."""
    return not isinstance(path, Path)


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
        raise InputError(f"{kind}:// is no kind of storage that is known here") from error
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
