"""The frames of a video, one at a time."""

import contextlib
import functools
import mmap
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from pose_lib.files.local_copy import local_copy
from pose_lib.files.locations import Location
from pose_lib.images.decode import UnreadableImage
from pose_lib.processes.pool import Died, WorkerProcesses


class Video:
    """A video held open, so that frames asked for in order cost no search."""

    def __init__(self, path: Location) -> None:
        with local_copy(path) as file:  # which the capture keeps open, though its name may go
            self._capture = cv2.VideoCapture(str(file))
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
def open_video(path: Location, fingerprint: str) -> Video:  # noqa: ARG001 - it may be replaced
    """Return the video, the same one for the same path and fingerprint of its file."""
    return Video(path)


def count_frames(path: Location) -> int:
    """Return how many frames there are; reads the whole video if its header is wrong about it.

    A process of its own does so, as what is broken may end the one whose decoder opens it.

    Raises:
        UnreadableImage: If it does.
        OSError: If the video cannot be fetched.
        UnreachableError: If its storage does not answer.
    """
    with (
        local_copy(path) as file,
        contextlib.closing(WorkerProcesses(1, _counting, n_bytes=mmap.PAGESIZE)) as apart,
    ):
        counted = apart.answer(file)
    if isinstance(counted, Died):
        raise UnreadableImage(str(counted))
    return counted


def _counting(_memory: memoryview) -> Callable[[Path], int]:
    return _count


def _count(file: Path) -> int:
    video = Video(file)
    if video.claimed_frames > 0 and video.has(video.claimed_frames - 1):
        return video.claimed_frames
    return sum(1 for _ in iter(Video(file).skip, False))
