"""Pictures as files, whole or not at all."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from pose_lib.files.atomic_write import write_atomic


def write_image(
    path: Path, image: UInt8[np.ndarray, "height width 3"], *, quality: int = 95
) -> None:
    """Write a BGR image in the format of the path's suffix, making folders as needed.

    Args:
        quality: Of a JPEG, up to 100; OpenCV's own default.

    Raises:
        InputError: If the folder cannot be written to.
    """
    write_atomic(path, encode_image(path.suffix, image, quality=quality))


def encode_image(
    suffix: str, image: UInt8[np.ndarray, "height width 3"], *, quality: int = 95
) -> bytes:
    """Return the content of an image file of that suffix, such as ``.png``; options as above."""
    is_jpeg = suffix.lower() in (".jpg", ".jpeg", ".jpe")
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if is_jpeg else []
    _, content = cv2.imencode(suffix, image, options)
    return content.tobytes()
