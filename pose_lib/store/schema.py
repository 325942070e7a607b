"""How the published keypoints and their ledger lie as arrays in a zarr group.

A chunk's file whose bytes have changed does not fit its checksum. One that is gone altogether zarr
reads as the array's fill value, so that is something that no entry of these arrays ever is.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import zarr
from jaxtyping import Bool, Int
from zarr.codecs import ZstdCodec

from pose_lib.files.parsing import MISSHAPEN
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.skeleton import Skeleton
from pose_lib.store.ledger import ExtractionResults
from pose_lib.store.text_codec import use_checked_text

use_checked_text()

CHUNK_ROWS = 1 << 14
MAX_ROWS, MAX_ARRAY_BYTES = 1 << 27, 1 << 34
"""Of one array: a hundred million images or people, which no machine reads at once."""

_LOST = {"f": np.nan, "i": -1, "u": 0, "T": "/"}
"""Fill values by kind of number or text; flags have none, they are counted."""

_COUNT = "count"
"""The attribute of an array of flags that tells how many are set."""

# MemoryError: damaged metadata and chunks may promise more than there is room for.
DAMAGE = (RuntimeError, ArithmeticError, MemoryError, *MISSHAPEN)
"""What is raised at arrays whose files are damaged, as by a power failure: gone, empty, other."""

_STATUS_NAMES = {str(int(status)): status.label for status in ImageStatus}

_Column = tuple[str, np.ndarray, tuple[str, ...]]
"""An array's path below the group, its values, and the names of its axes."""


def write_arrays(
    group: zarr.Group,
    results: ExtractionResults,
    fingerprints: Sequence[str],
    *,
    least_chunk: int = 1,
) -> None:
    """Write people and ledger below the group, in place of what is there.

    Args:
        fingerprints: What the file system says of each image's file, empty where that is not known.
        least_chunk: Rows of a chunk even where there are fewer, for more may be appended.
    """
    for name, values, axes in _columns(results, fingerprints):
        _write_array(group, name, values, axes, least_chunk)


def append_arrays(
    group: zarr.Group, results: ExtractionResults, fingerprints: Sequence[str]
) -> None:
    """Write more images behind those that are there; people know their image's row."""
    n_before = _array(group, "images/status").shape[0]
    for name, values, _ in _columns(results, fingerprints):
        _array(group, name).append(values + n_before if name == "people/image" else values)


def write_chosen(group: zarr.Group, chosen: Bool[np.ndarray, "person"]) -> None:
    """Write who is chosen beside the people below the group."""
    _write_array(group, "people/chosen", chosen, ("person",), 1)


def _write_array(
    group: zarr.Group, name: str, values: np.ndarray, axes: tuple[str, ...], least_chunk: int
) -> None:
    attributes: dict[str, Any] = {"names": _STATUS_NAMES} if name == "images/status" else {}
    if values.dtype == bool:
        attributes[_COUNT] = int(values.sum())
    group.create_array(
        name,
        data=values,
        chunks=(min(max(len(values), least_chunk), CHUNK_ROWS), *values.shape[1:]),
        compressors=ZstdCodec(checksum=True),
        fill_value=_LOST.get(values.dtype.kind),
        dimension_names=axes,
        attributes=attributes,
        overwrite=True,
    )


def read_arrays(group: zarr.Group, skeleton: Skeleton) -> Keypoints:
    """Read what `write_arrays` wrote, and who is chosen; everybody is where that is not told.

    Raises:
        KeyError: If an array is not there.
        ValueError: If the arrays do not agree with each other or the skeleton, or a chunk is lost.
    """
    return Keypoints(
        skeleton=skeleton,
        filename=read_text(group, "images/filename"),
        size=read_array(group, "images/size"),
        status=read_status(group),
        reason=tuple(map(sys.intern, read_text(group, "images/reason"))),
        keypoints=read_array(group, "people/keypoints"),
        image=read_array(group, "people/image"),
        score=read_array(group, "people/score"),
        choice=read_array(group, "people/chosen") if "people/chosen" in group else None,
    )


def read_through(group: zarr.Group, names: Sequence[str]) -> None:
    """Read arrays below the group, no more of them in memory at once than a chunk.

    Raises:
        One of ``DAMAGE``, if any of it cannot be read.
    """
    for name in names:
        array = _array(group, name)
        if array.dtype == bool:  # small, and counted as a whole
            read_array(group, name)
            continue
        for start in range(0, array.shape[0], array.chunks[0]):
            _refuse_lost(array, np.asarray(array[start : start + array.chunks[0]]))


def read_status(group: zarr.Group) -> np.ndarray:
    """Read what became of the images, as numbers of ``ImageStatus``.

    Raises:
        ValueError: If a number is none of them.
    """
    status = read_array(group, "images/status").astype(np.int64)
    unknown = set(np.unique(status).tolist()) - set(ImageStatus)
    if unknown:
        raise ValueError(f"unknown image status {sorted(unknown)}")
    return status


def read_attempts(group: zarr.Group) -> np.ndarray:
    """Read how often each image was worked on; zeros from a store that did not count."""
    if "images/attempts" in group:
        return read_array(group, "images/attempts")
    return np.zeros(_array(group, "images/status").shape, np.int32)


def read_text(group: zarr.Group, name: str) -> tuple[str, ...]:
    """Read one column of text below the group."""
    return tuple(read_array(group, name).tolist())


def read_array(group: zarr.Group, name: str) -> np.ndarray:
    """Read one array below the group, all of it.

    Raises:
        KeyError: If it is not there.
        ValueError: If a chunk of it is lost.
    """
    array = _array(group, name)
    values = np.asarray(array[:])
    _refuse_lost(array, values)
    if values.dtype == bool and array.attrs.get(_COUNT, values.sum()) != values.sum():
        raise ValueError(f"a file of {array.path} is gone")
    return values


def read_rows(group: zarr.Group, name: str, rows: Int[np.ndarray, "row"]) -> np.ndarray:
    """Read these rows of an array below the group, in the order given."""
    array = _array(group, name)
    values = np.asarray(array.oindex[rows])
    _refuse_lost(array, values)
    return values


def _refuse_lost(array: zarr.Array, values: np.ndarray) -> None:
    """Raise ``ValueError`` if any of the values read from the array are of a chunk that is gone."""
    kind, fill = values.dtype.kind, np.full(1, array.fill_value, values.dtype)
    if kind not in _LOST or not _is_lost(fill).all():
        return  # flags, or of an earlier version, whose fill values may be entries as well
    lost = _is_lost(values)
    if np.any(lost if values.ndim == 1 else lost.all(-1)):
        raise ValueError(f"a file of {array.path} is gone")


def _is_lost(values: np.ndarray) -> np.ndarray:
    kind = values.dtype.kind
    return np.isnan(values) if kind == "f" else values == _LOST[kind]


def _array(group: zarr.Group, name: str) -> zarr.Array:
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise KeyError(name)
    # Chunks that are not there read as fill values: metadata alone could fill the memory.
    if max(array.shape, default=0) > MAX_ROWS or array.nbytes > MAX_ARRAY_BYTES:
        raise ValueError(f"{name} promises an array of shape {array.shape}")
    return array


def _columns(results: ExtractionResults, fingerprints: Sequence[str]) -> Iterator[_Column]:
    image, person = ("image",), ("person",)
    keypoints = results.keypoints
    yield "images/digest", _text(results.digest), image
    yield "images/filename", _text(keypoints.filename), image
    yield "images/size", keypoints.size.astype(np.int32), ("image", "side")
    yield "images/status", keypoints.status.astype(np.uint8), image
    yield "images/reason", _text(keypoints.reason), image
    yield "images/attempts", results.attempts.astype(np.int32), image
    yield "images/seconds", results.seconds.astype(np.float32), image
    yield "images/stamp", _text(fingerprints), image  # named so in earlier versions
    xyc = keypoints.keypoints.astype(np.float32, copy=False)
    yield "people/keypoints", xyc, ("person", "joint", "xyc")
    yield "people/image", keypoints.image.astype(np.int64), person
    yield "people/score", keypoints.score.astype(np.float32, copy=False), person


def _text(values: Sequence[str]) -> np.ndarray:
    return np.array(list(values), dtype=np.dtypes.StringDType())
