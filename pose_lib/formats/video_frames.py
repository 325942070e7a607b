"""The frames of a video, one at a time."""

import contextlib
import functools
import tempfile
import threading
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from pose_lib.formats.image_decoding import UnreadableImage
from pose_lib.formats.locations import Location

_FETCHED_AT_ONCE = 1 << 24


class Video:
    """A video held open, so that frames asked for in order cost no search."""

    def __init__(self, path: Location) -> None:
        self._capture = _capture(path)
        self._lock = threading.Lock()
        self._next = 0

    @property
    def claimed_frames(self) -> int:
        return int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))

    def skip(self) -> bool:
        """Go one frame on, as long as there is one."""
        return self._capture.grab()

    def read(self, frame: int) -> UInt8[np.ndarray, "height width 3"]:
        """Return a frame as BGR.

        Raises:
            UnreadableImage: If it cannot be decoded.
        """
        with self._lock:
            if frame != self._next:
                self._capture.set(cv2.CAP_PROP_POS_FRAMES, frame)
            found, image = self._capture.read()
            self._next = frame + 1 if found else -1
        if not found:
            raise UnreadableImage(f"frame {frame} of the video cannot be decoded")
        return image

    def has(self, frame: int) -> bool:
        """Tell whether a frame can be decoded."""
        try:
            self.read(frame)
        except UnreadableImage:
            return False
        return True


@functools.lru_cache(maxsize=4)
def open_video(path: Location, stamp: str) -> Video:  # noqa: ARG001 - it may be replaced
    """Return the video, the same one for the same path and stamp of its file."""
    return Video(path)


def count_frames(path: Location) -> int:
    """Return how many frames there are; reads the whole video if its header is wrong about it."""
    video = Video(path)
    if video.claimed_frames > 0 and video.has(video.claimed_frames - 1):
        return video.claimed_frames
    return sum(1 for _ in iter(Video(path).skip, False))


def _capture(path: Location) -> cv2.VideoCapture:
    """Open a video; a remote one is fetched into a file without a name, which ends with us."""
    if isinstance(path, Path):
        return cv2.VideoCapture(str(path))
    with contextlib.ExitStack() as stack:
        copy = stack.enter_context(tempfile.NamedTemporaryFile(suffix=path.suffix))
        remote = stack.enter_context(path.open("rb"))
        while part := remote.read(_FETCHED_AT_ONCE):
            copy.write(part)
        copy.flush()
        return cv2.VideoCapture(copy.name)  # which keeps it open, though its name goes now
