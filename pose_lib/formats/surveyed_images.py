"""Images to be worked on, each of the content that a run knows it by or a fault."""

from collections.abc import Mapping

from pose_lib.extraction import Picture
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
    # Of a source of one name each, for it may go to another process.
    images = [_SurveyedImage(source.only((name,)), name, digest) for digest, name in names.items()]
    return [
        ShardImage(image.name, image.digest, image.read, image.full_size, tried.get(image.name, 0))
        for image in images
    ]


class _SurveyedImage:
    """An image whose own size is known once it was read, even if it was read smaller than it is."""

    def __init__(self, source: ImageSource, name: str, digest: str) -> None:
        self.source = source
        self.name = name
        self.digest = digest
        self._size: tuple[int, int] | None = None

    def read(self) -> Picture:
        picture, self._size = self.source.read_sized(self.name, digest=self.digest)
        return picture

    def full_size(self, size: tuple[int, int]) -> tuple[int, int]:
        if self._size is not None:
            return self._size
        full = self.source.full_size(self.name, size)  # it was read in another process
        if full != size and self.source.digest(self.name) != self.digest:
            raise ChangedImage("changed or deleted while the run went on")
        return full
