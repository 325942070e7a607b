"""How keypoints and their ledger lie as arrays in a zarr group, in stores and in their shards."""

from collections.abc import Sequence

import numpy as np
import zarr
from jaxtyping import Bool, Float

from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.skeleton import Skeleton

_CHUNK_ROWS = 1 << 14


def write_arrays(
    group: zarr.Group,
    keypoints: Keypoints,
    digests: Sequence[str],
    seconds: Float[np.ndarray, "image"],
) -> None:
    """Write people and ledger below the group, over what is there."""
    images = group.require_group("images")
    # First, so that what a straggler writes into a deleted shard is without digests: no result.
    _write_array(images, "digest", _text(digests), ("image",))
    _write_array(images, "filename", _text(keypoints.filename), ("image",))
    _write_array(images, "size", keypoints.size.astype(np.int32), ("image", "side"))
    _write_array(images, "status", keypoints.status.astype(np.uint8), ("image",))
    images["status"].attrs["names"] = {str(int(status)): status.label for status in ImageStatus}
    _write_array(images, "reason", _text(keypoints.reason), ("image",))
    _write_array(images, "seconds", np.asarray(seconds, np.float32), ("image",))

    people = group.require_group("people")
    xyc = keypoints.keypoints.astype(np.float32)
    _write_array(people, "keypoints", xyc, ("person", "joint", "xyc"))
    _write_array(people, "image", keypoints.image.astype(np.int64), ("person",))
    _write_array(people, "score", keypoints.score.astype(np.float32), ("person",))


def write_chosen(group: zarr.Group, chosen: Bool[np.ndarray, "person"]) -> None:
    """Write who is chosen beside the people below the group."""
    _write_array(group.require_group("people"), "chosen", chosen, ("person",))


def _write_array(group: zarr.Group, name: str, values: np.ndarray, axes: tuple[str, ...]) -> None:
    array = group.create_array(
        name,
        shape=values.shape,
        dtype=values.dtype,
        chunks=(min(max(len(values), 1), _CHUNK_ROWS), *values.shape[1:]),
        dimension_names=axes,
        overwrite=True,
    )
    array[:] = values


def _text(values: Sequence[str]) -> np.ndarray:
    return np.array(list(values), dtype=np.dtypes.StringDType())


def read_arrays(group: zarr.Group, skeleton: Skeleton) -> Keypoints:
    """Read what `write_arrays` wrote, and who is chosen; everybody is where that is not told.

    Raises:
        KeyError: If an array is not there.
        ValueError: If the arrays do not agree with each other or the skeleton.
    """
    status = read_array(group, "images/status").astype(np.int64)
    unknown = set(status.tolist()) - set(ImageStatus)
    if unknown:
        raise ValueError(f"unknown image status {sorted(unknown)}")
    return Keypoints(
        skeleton=skeleton,
        filename=tuple(read_array(group, "images/filename").tolist()),
        size=read_array(group, "images/size"),
        status=status,
        reason=tuple(read_array(group, "images/reason").tolist()),
        keypoints=read_array(group, "people/keypoints"),
        image=read_array(group, "people/image"),
        score=read_array(group, "people/score"),
        choice=read_array(group, "people/chosen") if "people/chosen" in group else None,
    )


def read_array(group: zarr.Group, name: str) -> np.ndarray:
    """Read one array below the group, all of it."""
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise KeyError(name)
    return np.asarray(array[:])
