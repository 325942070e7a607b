"""Small pictures to look for people in, some of them odd, the same for every seed."""

from pathlib import Path

import cv2
import numpy as np

ABORTS = (1, 2, 3)
"""Color of the picture of which the stand-in detector ends its process, as a broken decoder may."""

GROWS = (4, 5, 6)
"""Color of the picture of which it takes ever more memory."""

WIDTH, HEIGHT = 32, 24


def make_pictures(folder: Path, count: int, seed: int) -> Path:
    """Write pictures into a few folders: 1 in 50 unreadable, 1 in 40 the same as another one."""
    source = np.random.default_rng(seed)
    for number in range(count):
        place = folder / f"{number % 7}" / f"{number:05}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        content = encoded(source.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
        if number % 40 == 39:
            content = (folder / f"{(number - 7) % 7}" / f"{number - 7:05}.png").read_bytes()
        elif number % 50 == 49:
            content = f"no picture {number}".encode()
        place.write_bytes(content)
    return folder


def write_plain(path: Path, color: tuple[int, int, int], width: int = WIDTH) -> None:
    """Write a picture of one color."""
    path.write_bytes(encoded(np.full((HEIGHT, width, 3), color, np.uint8)))


def write_huge(path: Path, side: int) -> None:
    """Write a small file that holds a huge picture."""
    path.write_bytes(encoded(np.zeros((side, side), np.uint8)))


def encoded(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()
