"""As many photographs as a benchmark needs: the bundled sample, each time in other bytes."""

from pathlib import Path

import cv2
import numpy as np

from pose_lib.datasets.sample import BROKEN_IMAGE, sample_images
from pose_lib.images.encode import write_image
from pose_lib.images.find import find_images

WIDTH, HEIGHT = 1280, 720
"""As most of MPII's images are."""


def write_varied_images(folder: Path, count: int) -> str:
    """Write the sample's readable images again and again; return the folder."""
    source = find_images(sample_images())
    names = [name for name in source.names if name != BROKEN_IMAGE]
    images = {name: _cut_to_size(source.read(name)) for name in names}
    for number in range(count):
        again, which = divmod(number, len(names))
        image = images[names[which]].copy()
        image[0, 0] = again % 256  # other content at the same quality
        write_image(folder / f"{number:06}.jpg", image, quality=80 + again % 16)
    return str(folder)


def _cut_to_size(image: np.ndarray) -> np.ndarray:
    """Return the middle of an image, scaled to fill the size."""
    scale = max(WIDTH / image.shape[1], HEIGHT / image.shape[0])
    scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    top, left = (len(scaled) - HEIGHT) // 2, (scaled.shape[1] - WIDTH) // 2
    return scaled[top : top + HEIGHT, left : left + WIDTH]
