"""Pictures by their names, from wherever they lie: files, or the frames of a video."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from pose_lib.errors import InputError
from pose_lib.files.content_hash import (
    TooManyBytesError,
    content_digest,
    file_digest,
    file_fingerprint,
    read_content,
    stable_fingerprint,
)
from pose_lib.files.locations import (
    MOST_REQUESTS_AT_ONCE,
    Location,
    is_remote,
    plain_errors,
)
from pose_lib.files.safe_names import is_video
from pose_lib.images.decode import (
    MAX_PIXELS,
    ImageTooLarge,
    UnreadableImage,
    decode_sized,
    max_content,
    size_from_header,
)
from pose_lib.images.video import open_video

_THREADS = 8
_TOGETHER = 64
"""Names that a thread is handed at once."""
_BLOCK = 1 << 16


_CHANGED = "changed or deleted while the run went on"


class ChangedImage(UnreadableImage):
    """An image is no longer what it was when the run began, so its result would be another's."""


@dataclass(frozen=True)
class ImageSource:
    """The sorted names of some images, and how to read them. Light enough to send to workers.

    Attributes:
        root: The folder that the names are relative to.
        names: Relative paths with ``/``, sorted; a video frame is ``<video>/<frame number>``.
        max_pixels: An image of more pixels counts as unreadable.
        min_side: JPEG files may be read at a half, quarter or eighth, which takes less time and
            memory, as long as both sides keep this many pixels; None for never.
        listed: What the search learned of each file, where that saves a request; as `fingerprints`.
    """

    root: Location
    names: tuple[str, ...]
    max_pixels: int = MAX_PIXELS
    min_side: int | None = None
    listed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if list(self.names) != sorted(set(self.names)):
            raise ValueError("the names must be sorted and each occur once")
        if len(self.listed) not in (0, len(self.names)):
            raise ValueError(f"{len(self.listed)} fingerprints for {len(self.names)} names")

    def __len__(self) -> int:
        return len(self.names)

    def only(self, names: tuple[str, ...]) -> "ImageSource":
        """Return the source of these images alone, as a worker needs it for one shard."""
        return replace(self, names=names, listed=())

    def blocks(self) -> Iterator["ImageSource"]:
        """Yield the source in pieces, for what would fill the memory if asked of all at once."""
        for start in range(0, len(self), _BLOCK):
            here = slice(start, start + _BLOCK)
            yield replace(self, names=self.names[here], listed=self.listed[here])

    def fingerprints(self) -> dict[str, str]:
        """Return the fingerprint of every name's file, without reading the files.

        Size and time of a local file, size and ETag of one on S3. Empty where that is not certain.
        """
        if not self.listed:
            return self._of_each(self._fingerprint, self.names)
        listed = dict(zip(self.names, self.listed, strict=True))
        unknown = [name for name, fingerprint in listed.items() if not fingerprint]
        return listed | self._of_each(self._fingerprint, unknown)

    def digest(self, name: str) -> str:
        """Return a hash of the image's content, the same wherever and whenever it lies.

        A file that cannot be opened, or is larger than any picture may be, gets a hash of its
        name, which is no content's.

        Raises:
            UnreachableError: If the storage does not answer.
        """
        path, frame = self._locate(name)
        try:
            if frame is None:
                return file_digest(path, max_bytes=max_content(self.max_pixels))
            return _hash(f"{_video_digest(path, file_fingerprint(path))} frame {frame}")
        except (OSError, TooManyBytesError):
            return _no_content(name)

    def digests(
        self,
        fingerprints: Mapping[str, str] | None = None,
        known: Mapping[str, tuple[str, str]] | None = None,
    ) -> dict[str, str]:
        """Return the digest of every name, several at a time.

        Args:
            fingerprints: Those of now, got before.
            known: Fingerprint and digest of names from an earlier time. Files whose fingerprint is
                still the same are not read, but for those that could not be then.
        """
        fingerprints, known = fingerprints or {}, known or {}
        digests = dict.fromkeys(self.names, "")
        for name in self.names:
            fingerprint = fingerprints.get(name)
            then = known.get(name) if fingerprint else None
            if then is not None and then[0] == fingerprint and then[1] != _no_content(name):
                digests[name] = then[1]
        missing = [name for name, digest in digests.items() if not digest]
        return digests | self._of_each(self.digest, missing) if missing else digests

    def read(self, name: str, *, digest: str = "") -> UInt8[np.ndarray, "height width 3"]:
        """Return the picture as BGR, upright, whatever its file holds: grey, alpha, 16 bit, CMYK.

        Args:
            digest: What the content should hash to; empty for whatever is there.

        Raises:
            UnreadableImage: If there is no whole picture in it, with the reason.
            ChangedImage: If there is another content than that, or none any more.
            UnreachableError: If the storage does not answer.
        """
        return self.read_sized(name, digest=digest)[0]

    def read_sized(
        self, name: str, *, digest: str = ""
    ) -> tuple[UInt8[np.ndarray, "height width 3"], tuple[int, int]]:
        """Return what `read` does, and from the same bytes the image's own width and height."""
        path, frame = self._locate(name)
        try:
            if frame is not None:
                picture = self._frame(name, digest)
                return picture, (picture.shape[1], picture.shape[0])
            content = read_content(path, max_bytes=max_content(self.max_pixels))
        except TooManyBytesError as error:
            raise ImageTooLarge(str(error)) from error
        except OSError as error:
            reason = error.strerror or error
            if digest not in ("", _no_content(name)):
                raise ChangedImage(f"{_CHANGED}: {reason}") from error
            raise UnreadableImage(f"cannot be opened: {reason}") from error
        if digest and content_digest(content) != digest:
            raise ChangedImage(_CHANGED)
        picture, header = decode_sized(content, max_pixels=self.max_pixels, min_side=self.min_side)
        size = (picture.shape[1], picture.shape[0])
        return picture, size if self.min_side is None else _turned_as(header, size)

    def full_size(self, name: str, size: tuple[int, int]) -> tuple[int, int]:
        """Return the width and height of an image that was read at ``size``, maybe reduced.

        Raises:
            UnreadableImage: If it is no longer there.
            UnreachableError: If the storage does not answer.
        """
        path, frame = self._locate(name)
        if frame is not None or self.min_side is None:
            return size
        try:
            return _turned_as(_size_of(path), size)
        except OSError as error:
            raise UnreadableImage(f"cannot be opened: {error.strerror or error}") from error

    def _frame(self, name: str, digest: str) -> UInt8[np.ndarray, "height width 3"]:
        path, frame = self._locate(name)
        assert frame is not None
        if digest and self.digest(name) != digest:
            raise ChangedImage(_CHANGED)
        return open_video(path, file_fingerprint(path)).read(frame)

    def _locate(self, name: str) -> tuple[Location, int | None]:
        """Return the file, and the frame's number if the file is a video."""
        inside, _, last = name.rpartition("/")
        if is_video(inside) and last.isdecimal():  # no image, for it has no suffix
            return self.root / inside, int(last)
        return self.root / name, None

    def _fingerprint(self, name: str) -> str:
        try:
            return stable_fingerprint(self._locate(name)[0])
        except OSError:
            return ""

    def _of_each(self, function: Callable[[str], str], names: Sequence[str]) -> dict[str, str]:
        """Return a function's value for each name, many at a time."""
        n_threads = MOST_REQUESTS_AT_ONCE if is_remote(self.root) else _THREADS
        # Handed over one by one, a name costs five times as much as to ask a local disk about it.
        length = min(max(len(names) // (4 * n_threads), 1), _TOGETHER)
        groups = [names[first : first + length] for first in range(0, len(names), length)]
        with ThreadPoolExecutor(n_threads) as pool:
            values = pool.map(lambda group: [function(name) for name in group], groups)
            return dict(zip(names, itertools.chain.from_iterable(values), strict=True))


def image_sizes(folder: Path, names: Sequence[str]) -> Int[np.ndarray, "image 2"]:
    """Return width and height from each file's header, 0 0 where no image is there.

    Raises:
        InputError: If there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder of images at {folder}")

    def size(name: str) -> tuple[int, int]:
        try:
            return _size_of(folder / name)
        except (OSError, UnreadableImage):
            return 0, 0

    with ThreadPoolExecutor(_THREADS) as pool:
        return np.array(list(pool.map(size, names)), np.int64).reshape(-1, 2)


def _size_of(path: Location) -> tuple[int, int]:
    """Return width and height from a file's header, of which no more is read than it takes."""
    with plain_errors(path), path.open("rb") as file:
        return size_from_header(file)


def _turned_as(header: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Return a header's size, which is that before a turn, as of a picture read at ``size``."""
    width, height = header
    turned = (width - height) * (size[0] - size[1]) < 0
    return (height, width) if turned else (width, height)


def _hash(text: str) -> str:
    return content_digest(text.encode())


def _no_content(name: str) -> str:
    return _hash(f"not opened: {name}")


@functools.lru_cache(maxsize=16)
def _video_digest(path: Location, fingerprint: str) -> str:  # noqa: ARG001 - a video may be replaced
    return file_digest(path)
