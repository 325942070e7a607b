"""zarr's codec of text, but for its trust in the number that a chunk begins with.

It makes room for that many texts before it looks for any of them: four changed bytes fill the
memory. Reads and writes the very same bytes.
"""

import zarr
from zarr import codecs
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer
from zarr.registry import register_codec

_NAME = "vlen-utf8"
_COUNT_BYTES = 4
"""Of the number of texts, and of each text's length before it."""


class VLenUTF8Codec(codecs.VLenUTF8Codec):  # zarr insists on the name
    """Texts of any length in UTF-8, as many as a chunk of these bytes may hold."""

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        content = chunk_bytes.as_numpy_array()
        n_texts = int.from_bytes(content[:_COUNT_BYTES].tobytes(), "little")
        if len(content) < _COUNT_BYTES * (n_texts + 1):
            raise ValueError(f"a chunk of {len(content)} bytes promises {n_texts} texts")
        return await super()._decode_single(chunk_bytes, chunk_spec)


def use_checked_text() -> None:
    """Have zarr read texts by this codec, everywhere in this process."""
    register_codec(_NAME, VLenUTF8Codec)
    zarr.config.set({f"codecs.{_NAME}": f"{__name__}.{VLenUTF8Codec.__name__}"})
