"""The arrays of an npz file of known poses, as every reader of such a truth needs them."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from pose_lib.errors import InputError


def read_truth_arrays(
    path: Path, keys: tuple[str, ...], *, what: str, otherwise: str = ""
) -> dict[str, np.ndarray]:
    """Read the named arrays of an npz file.

    Args:
        what: What the file should be, for errors: ``3D truth file``.
        otherwise: What to do with a file that lacks an array.

    Raises:
        InputError: If it cannot be read, or lacks an array.
    """
    if path.is_file() and not zipfile.is_zipfile(path):
        raise InputError(f"cannot read the {what} {path}: it is no .npz archive")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in keys if key in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"cannot read the {what} {path}: {error}") from error
    if missing := [key for key in keys if key not in arrays]:
        raise InputError(
            f"{path} is no {what}: it lacks {', '.join(missing)} (needed: {', '.join(keys)})"
            + otherwise
        )
    return arrays
