"""Results as earlier versions kept them: each batch a zarr group in ``shards/`` with marks."""

import numpy as np
import zarr


def write_old_part(store, name, people, digests, *, done=True, lacks=""):
    """Write a part: one that is finished, or just begun and cut off before an array.

    Args:
        lacks: Part of an array's path, none of which from there on is written.
    """
    marks = {"done": True} if done else {"begun": list(digests)}
    part = zarr.open_group(store, mode="r+").create_group(
        f"shards/{name}", attributes={"package_version": "0.9", **marks}
    )
    n_images = len(digests)
    columns = {
        "images/digest": _text(digests),
        "images/filename": _text(people.filename),
        "images/size": people.size,
        "images/status": people.status.astype(np.uint8),
        "images/reason": _text(people.reason),
        "images/attempts": np.full(n_images, 2, np.int32),
        "images/seconds": np.full(n_images, 0.5, np.float32),
        "people/keypoints": people.keypoints,
        "people/image": people.image.astype(np.int64),
        "people/score": people.score,
    }
    for path, values in columns.items():
        if lacks and lacks in path:
            return
        part.create_array(path, data=values, fill_value="/" if values.dtype.kind == "T" else None)


def _text(values):
    return np.array(list(values), np.dtypes.StringDType())
