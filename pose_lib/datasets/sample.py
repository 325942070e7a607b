"""The sample that ships with the package: pictures to try everything on, and 2D poses to train on.

Where each picture and pose comes from, and on what terms, stands in ``NOTICE``.
"""

from importlib.resources import files
from pathlib import Path

BROKEN_IMAGE = "broken.jpg"
"""Cut short on purpose: shows how an unreadable file is reported."""
EMPTY_IMAGE = "coffee.jpg"
"""Shows nobody."""


def sample_images() -> Path:
    """Return the folder of pictures: people, one picture without any, one broken file."""
    return _data() / "images"


def sample_poses() -> Path:
    """Return the file of 2D poses, projected from motion capture, that the demo trains on."""
    return _data() / "poses_2d.npz"


def _data() -> Path:
    return Path(str(files("pose_lib") / "data" / "sample"))
