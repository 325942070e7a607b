"""Variables of MATLAB's ``.mat`` files as plain values, whichever program saved them.

A file that MATLAB, Octave or scipy read and saved again often has cell arrays where it had struct
arrays. Both become lists of dicts here, so that readers need not know.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np

from pose_lib.errors import InputError
from pose_lib.files.parsing import bounded_memory, read_content

MAX_BYTES = 1 << 30
"""MPII's file has some tens of MB."""
_UNPACKED_BYTES = 100
"""Memory per byte of a file. Many small matrices pack well; as Python values they take about 40
bytes for one of the file. Deflate alone can reach a thousand."""
_FREE_BYTES = 1 << 28
"""Memory that reading may take however small the file is, the libraries' own included."""


def read_mat(path: Path, what: str) -> dict[str, Any]:
    """Return the variables of a ``.mat`` file of MATLAB's versions 4 to 7 by their names.

    Returns:
        A struct as a dict of its fields; a struct array of several elements and a cell array as a
        list; a row of text as a ``str``, a number alone as a number, other numbers as an array.
        Axes of length one are dropped, so a list of one is its element. What is empty in MATLAB
        is an empty array or list.

    Raises:
        InputError: If it is no such file, or is damaged.
    """
    import scipy.io  # takes a third of a second, and only MPII's original file needs it

    content = read_content(path, what, max_bytes=MAX_BYTES)
    room = max(_FREE_BYTES, _UNPACKED_BYTES * len(content))
    try:
        with bounded_memory(room):
            variables = scipy.io.loadmat(
                io.BytesIO(content), struct_as_record=False, squeeze_me=True
            )
            return {name: _plain(variables[name]) for name in variables if name[:2] != "__"}
    except NotImplementedError as error:
        raise InputError(
            f"cannot read the {what} {path}: it is of MATLAB's version 7.3; load it in MATLAB and "
            "save it with -v7"
        ) from error
    except Exception as error:  # scipy raises a dozen kinds at damaged files, its own among them
        reason = str(error) or type(error).__name__
        raise InputError(f"cannot read the {what} {path}: {reason}") from error


def _plain(value: Any) -> Any:
    if hasattr(value, "_fieldnames"):  # a struct of scipy's
        return {name: _plain(getattr(value, name)) for name in value._fieldnames}
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return [_plain(element) for element in value.ravel(order="F")]
    return value
