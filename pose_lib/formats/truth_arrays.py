"""The arrays of an npz file of known poses, as every reader of such a truth needs them."""

import numpy as np

from pose_lib.errors import InputError
from pose_lib.formats.locations import Location
from pose_lib.formats.numpy_files import read_npz


def read_truth_arrays(
    path: Location, keys: tuple[str, ...], *, what: str, otherwise: str = ""
) -> dict[str, np.ndarray]:
    """Read the named arrays of an npz file.

    Args:
        what: What the file should be, for errors: ``3D truth file``.
        otherwise: What to do with a file that lacks an array.

    Raises:
        InputError: If it cannot be read, or lacks an array.
    """
    arrays = read_npz(path, what, keys)
    if missing := [key for key in keys if key not in arrays]:
        raise InputError(
            f"{path} is no {what}: it lacks {', '.join(missing)} (needed: {', '.join(keys)})"
            + otherwise
        )
    return arrays
