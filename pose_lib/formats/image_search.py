"""Finding images: in folders, by patterns, on lists, among the frames of a video."""

import glob
from pathlib import Path

from pose_lib.errors import InputError
from pose_lib.formats.file_names import IMAGE_SUFFIXES, VIDEO_SUFFIXES, is_video
from pose_lib.formats.image_decoding import MAX_PIXELS, UnreadableImage
from pose_lib.formats.image_listing import list_files
from pose_lib.formats.images import ImageSource
from pose_lib.formats.locations import (
    Location,
    check_storage,
    is_remote,
    location,
)
from pose_lib.formats.video_frames import count_frames


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
    check_storage(location(source))
    try:
        listing = list_files(source)
        if not listing.stamps:
            raise InputError(_nothing_found(source))
        stamps = {
            name: stamp
            for file, stamp in listing.stamps.items()
            for name in _names_in(listing.root, file)
        }
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror or error}") from error
    root = listing.root
    names = tuple(sorted(stamps))
    listed = tuple(stamps[name] for name in names) if is_remote(root) else ()
    # Absolute, because a worker may run in another folder.
    root = root.resolve() if isinstance(root, Path) else root
    return ImageSource(root, names, max_pixels, listed=listed)


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


def _nothing_found(source: str | Location) -> str:
    path = location(source)
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
