"""Images to be worked on, each of the content that a run knows it by or a fault."""

import functools
from collections.abc import Mapping

from pose_lib.formats.images import ChangedImage, ImageSource
from pose_lib.formats.shard_work import ShardImage


def surveyed_images(
    source: ImageSource, names: Mapping[str, str], tried: Mapping[str, int]
) -> list[ShardImage]:
    """Return the images of these names.

    Args:
        names: By the hash of the image's content.
        tried: How often images were worked on in earlier runs, where they were.
    """
    return [
        ShardImage(
            name,
            digest,
            read=functools.partial(source.only((name,)).read, name, digest=digest),
            full_size=functools.partial(_full_size, source.only((name,)), name, digest),
            tried=tried.get(name, 0),
        )
        for digest, name in names.items()
    ]


def _full_size(
    source: ImageSource, name: str, digest: str, size: tuple[int, int]
) -> tuple[int, int]:
    full = source.full_size(name, size)
    if full != size and source.digest(name) != digest:
        raise ChangedImage("changed or deleted while the run went on")
    return full
