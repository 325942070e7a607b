"""Where pictures come from: a folder, a glob pattern, a list, one image, or a video's frames."""

import functools
import glob
import hashlib
import io
import itertools
import os
import threading
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from pose_lib.errors import InputError
from pose_lib.formats.whole_file import write_whole

MAX_PIXELS = 150_000_000  # a square of 12,000 pixels: 450 MB once decoded


OUTPUT_MARK = ".poselift-output"
"""An empty file in a folder of results, so that they are not taken for photographs."""


class UnreadableImage(Exception):  # noqa: N818 - an outcome of the ledger, not a fault of ours
    """No picture can be had from an input; the message is the one-line reason."""


class ImageTooLarge(UnreadableImage):  # one more outcome, told apart because it may change
    """A picture of more pixels than allowed; with a higher limit it may be read."""


@dataclass(frozen=True)
class ImageSource:
    """The sorted names of some images, and how to read them. Light enough to send to workers.

    Attributes:
        root: The folder that the names are relative to.
        names: Relative paths with ``/``, sorted; a video frame is ``<video>/<frame number>``.
        max_pixels: An image of more pixels counts as unreadable.
        least_side: JPEG files may be read at a half, quarter or eighth, which takes less time and
            memory, as long as both sides keep this many pixels; None for never.
    """

    root: Path
    names: tuple[str, ...]
    max_pixels: int = MAX_PIXELS
    least_side: int | None = None

    def __post_init__(self) -> None:
        if list(self.names) != sorted(set(self.names)):
            raise ValueError("the names must be sorted and each occur once")

    def __len__(self) -> int:
        return len(self.names)

    def only(self, names: tuple[str, ...]) -> "ImageSource":
        """Return the source of these images alone, as a worker needs it for one shard."""
        return replace(self, names=names)

    def digest(self, name: str) -> str:
        """Return a hash of the image's content, the same wherever and whenever it lies.

        A file that cannot be opened gets a hash of its name: it stays what it is until it can.
        """
        path, frame = self._locate(name)
        try:
            if frame is None:
                return _file_digest(path)
            facts = path.stat()
            return _hash(f"{_video_digest(path, facts.st_size, facts.st_mtime_ns)} frame {frame}")
        except OSError:
            return _hash(f"not opened: {name}")

    def digests(self) -> dict[str, str]:
        """Return the digest of every name. Reads all files, several at a time."""
        with ThreadPoolExecutor(max_workers=8) as pool:
            return dict(zip(self.names, pool.map(self.digest, self.names), strict=True))

    def read(self, name: str) -> UInt8[np.ndarray, "height width 3"]:
        """Return the picture as BGR, upright, whatever its file holds: grey, alpha, 16 bit, CMYK.

        Raises:
            UnreadableImage: If there is no whole picture in it, with the reason.
        """
        path, frame = self._locate(name)
        if frame is not None:
            return _open_video(path).read(frame)
        return decode_image(_content(path), max_pixels=self.max_pixels, least_side=self.least_side)

    def full_size(self, name: str, size: tuple[int, int]) -> tuple[int, int]:
        """Return the width and height of an image that was read at ``size``, maybe reduced.

        Raises:
            UnreadableImage: If it is no longer there.
        """
        path, frame = self._locate(name)
        if frame is not None or self.least_side is None:
            return size
        try:
            with path.open("rb") as file:  # no more of it than the header is read
                width, height = _size_from_header(file)
        except OSError as error:
            raise UnreadableImage(f"cannot be opened: {error.strerror or error}") from error
        # The header's size is that before a turn, which pictures are read with.
        turned = (width - height) * (size[0] - size[1]) < 0
        return (height, width) if turned else (width, height)

    def _locate(self, name: str) -> tuple[Path, int | None]:
        """Return the file, and the frame's number if the file is a video."""
        path = self.root / name
        if _is_video(path.parent) and path.parent.is_file():
            return path.parent, int(path.name)
        return path, None


def find_images(source: str | Path, *, max_pixels: int = MAX_PIXELS) -> ImageSource:
    """Find the images of a folder, a glob pattern, a list, a single image file, or a video.

    A folder is searched to all depths; hidden files and folders, files that are no image by their
    suffix, links to other folders, and folders of our own results (`mark_output`) are passed over.

    A list is a ``.txt`` with a path on each line, absolute or relative to the list's own folder;
    empty lines and those that begin with ``#`` are passed over. An image on it that is not there
    is unreadable, as one that was deleted after the search would be.

    Raises:
        InputError: If there is nothing to read: no such place, or no image in it.
    """
    path = Path(source)
    try:
        if path.is_dir():
            root, files = path, _images_under(path)
        elif path.is_file() and path.suffix.lower() == ".txt":
            root, files = _listed(path)
        elif path.exists():
            root, files = path.parent, _pictures([path])
        elif glob.has_magic(str(source)):
            root, files = _matching(str(source))
        else:
            raise InputError(f"no image, folder or video at {source}: there is no such path")
        if not files:
            raise InputError(_nothing_found(source))
        names = [name for file in files for name in _names_in(file, root)]
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror or error}") from error
    # Absolute, because a worker may run in another folder.
    return ImageSource(root.resolve(), tuple(sorted(names)), max_pixels)


def image_sizes(folder: Path, names: Sequence[str]) -> Int[np.ndarray, "image 2"]:
    """Return width and height from each file's header, 0 0 where no image is there.

    Raises:
        InputError: If there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder of images at {folder}")

    def size(name: str) -> tuple[int, int]:
        try:
            with Image.open(folder / name) as header:
                return header.size
        except (OSError, ValueError, Image.DecompressionBombError):
            return 0, 0

    with ThreadPoolExecutor(max_workers=8) as pool:
        return np.array(list(pool.map(size, names)), np.int64).reshape(-1, 2)


def mark_output(folder: Path) -> None:
    """Mark a folder of results, so that a search for images above it passes it over."""
    write_whole(folder / OUTPUT_MARK, b"")


def holds_images(folder: Path) -> bool:
    """Tell whether there is any image in the folder, at any depth."""
    return bool(_images_under(folder))


def decode_image(
    content: bytes, *, max_pixels: int = MAX_PIXELS, least_side: int | None = None
) -> UInt8[np.ndarray, "height width 3"]:
    """Return the picture in an image file's content as BGR, upright.

    Args:
        least_side: As that of ``ImageSource``.

    Raises:
        UnreadableImage: If it is no image, is cut short, or has more than ``max_pixels``.
    """
    if not content:
        raise UnreadableImage("the file is empty (0 bytes)")
    width, height = _size_from_header(io.BytesIO(content))
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"{width} x {height} pixels are more than the limit of {max_pixels} (max_pixels)"
        )
    # Older versions of OpenCV would give a picture that is grey from where a JPEG's data ends.
    if content.startswith(_JPEG_START) and not _has_jpeg_end(content):
        raise UnreadableImage("the JPEG data is cut short (no end marker)")
    if content.startswith(_PNG_START) and b"IEND" not in content:
        raise UnreadableImage("the PNG data is cut short (no end chunk)")
    _silence_opencv()
    is_jpeg = content.startswith(_JPEG_START)
    how = _reduced(min(width, height), least_side) if is_jpeg else cv2.IMREAD_COLOR
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), how)
    except cv2.error as error:
        raise UnreadableImage(f"cannot be decoded: {error.err}") from error
    if image is None:
        raise UnreadableImage("cannot be decoded: damaged, cut short, or of an unknown kind")
    return image


_IMAGE_SUFFIXES = (
    *(".bmp", ".dib", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm"),
    *(".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
_VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm")
_JPEG_START = b"\xff\xd8\xff"
_PNG_START = b"\x89PNG"


def _silence_opencv() -> None:
    """Keep OpenCV from printing about broken pictures: the reason goes into the ledger."""
    set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # 4.x or 5.x
    set_level(0)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImage(f"cannot be opened: {error.strerror or error}") from error


def _size_from_header(file: io.BytesIO | io.BufferedReader) -> tuple[int, int]:
    """Return width and height without decoding the picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit decides what is too large
            with Image.open(file) as header:
                return header.size
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"far too large: {error}") from error
    except (OSError, ValueError) as error:
        raise UnreadableImage("not an image, whatever its name says") from error


def _reduced(side: int, least_side: int | None) -> int:
    """Return OpenCV's mode of reading that keeps at least so much of a side."""
    for parts, mode in (
        (8, cv2.IMREAD_REDUCED_COLOR_8),
        (4, cv2.IMREAD_REDUCED_COLOR_4),
        (2, cv2.IMREAD_REDUCED_COLOR_2),
    ):
        if least_side is not None and side >= parts * least_side:
            return mode
    return cv2.IMREAD_COLOR


def _has_jpeg_end(content: bytes) -> bool:
    """Tell whether an end-of-image marker follows the first scan.

    Walks the segments up to that scan, for a thumbnail inside them has an end marker of its own.
    Within scans the marker's bytes cannot occur by chance.

    Source: ITU-T T.81, annex B.
    """
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xDA:
            return content.find(b"\xff\xd9", position) >= 0
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    return False


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _IMAGE_SUFFIXES


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in _VIDEO_SUFFIXES


def _images_under(folder: Path) -> list[Path]:
    def stop(error: OSError) -> None:
        raise error

    found = []
    for parent, folders, files in os.walk(folder, onerror=stop):
        folders[:] = [name for name in folders if not _is_passed_over(Path(parent, name))]
        paths = (Path(parent, name) for name in files if not name.startswith("."))
        found += [path for path in paths if _is_image(path)]
    return found


def _is_passed_over(folder: Path) -> bool:
    return (
        folder.name.startswith(".") or folder.suffix == ".zarr" or (folder / OUTPUT_MARK).exists()
    )


def _matching(pattern: str) -> tuple[Path, list[Path]]:
    """Return the part of the pattern before its first wildcard, and the files that match."""
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 - leaves hidden files out
    files = _pictures(Path(match) for match in matches)
    plain = itertools.takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts[:-1])
    return Path(*plain), files


def _listed(path: Path) -> tuple[Path, list[Path]]:
    """Return the files on a list, and the folder that holds them all: the list's own if it does."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"the list {path} is not valid UTF-8: {error.reason}") from error
    entries = {number: line.strip() for number, line in enumerate(lines, start=1)}
    entries = {number: line for number, line in entries.items() if line and line[0] != "#"}
    for number, line in entries.items():
        if not _is_image(Path(line)):
            kinds = ", ".join(_IMAGE_SUFFIXES)
            raise InputError(f"{path}, line {number}: {line!r} is no image by its suffix ({kinds})")
    # normpath, for resolving a link would change the image's name.
    home = Path(os.path.normpath(path.absolute().parent))
    files = sorted({Path(os.path.normpath(home / line)) for line in entries.values()})
    if files and not any(file.exists() for file in files):
        raise InputError(
            f"of {len(files)} images on the list {path} none is there, such as {files[0]}; "
            f"paths on it are relative to {home}"
        )
    inside = all(file.is_relative_to(home) for file in files)
    return home if inside else Path(os.path.commonpath([file.parent for file in files])), files


def _pictures(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if path.is_file() and (_is_image(path) or _is_video(path))]


def _nothing_found(source: str | Path) -> str:
    kinds = ", ".join(_IMAGE_SUFFIXES)
    either = ", ".join(_IMAGE_SUFFIXES + _VIDEO_SUFFIXES)
    if Path(source).is_dir():
        return f"no image in {source}: files that end in {kinds} count (name a video by itself)"
    if Path(source).suffix.lower() == ".txt":
        return f"the list {source} names no image: it has a path on each line"
    if Path(source).exists():
        return f"{source} is neither image nor video by its suffix (known: {either})"
    return f"no image or video matches {source}: files that end in {either} count"


def _names_in(file: Path, root: Path) -> list[str]:
    name = file.relative_to(root).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"the file name {name!a} is not valid UTF-8; rename the file") from error
    if not _is_video(file):
        return [name]
    n_frames = _count_frames(file)
    if not n_frames:
        raise InputError(f"the video {file} cannot be decoded: not one frame could be read")
    digits = max(6, len(str(n_frames - 1)))
    return [f"{name}/{frame:0{digits}}" for frame in range(n_frames)]


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


@functools.lru_cache(maxsize=16)
def _video_digest(path: Path, size: int, changed_ns: int) -> str:  # noqa: ARG001 - cache keys
    return _file_digest(path)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()


def _count_frames(path: Path) -> int:
    """Return how many frames there are; reads the whole video if its header is wrong about it."""
    video = _Video(path)
    if video.claimed_frames > 0 and video.has(video.claimed_frames - 1):
        return video.claimed_frames
    return sum(1 for _ in iter(_Video(path).skip, False))


class _Video:
    """A video held open, so that frames asked for in order cost no search."""

    def __init__(self, path: Path) -> None:
        self._capture = cv2.VideoCapture(str(path))
        self._lock = threading.Lock()
        self._next = 0

    @property
    def claimed_frames(self) -> int:
        return int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))

    def skip(self) -> bool:
        return self._capture.grab()

    def read(self, frame: int) -> UInt8[np.ndarray, "height width 3"]:
        with self._lock:
            if frame != self._next:
                self._capture.set(cv2.CAP_PROP_POS_FRAMES, frame)
            found, image = self._capture.read()
            self._next = frame + 1 if found else -1
        if not found:
            raise UnreadableImage(f"frame {frame} of the video cannot be decoded")
        return image

    def has(self, frame: int) -> bool:
        try:
            self.read(frame)
        except UnreadableImage:
            return False
        return True


@functools.lru_cache(maxsize=4)
def _open_video(path: Path) -> _Video:
    return _Video(path)
