"""Batches of results: what workers write, each one file that never changes.

``shards/<shard key>-<hash>.npz`` holds the results of some images. The hash is that of the file's
bytes, so that a torn or damaged file is known as such: it is no result, and its images are computed
again. While a batch is computed, ``shards/begun/<shard key>-<id>.json`` lists the hashes of its
images; such a mark is left over where the process died. Several files may hold results for the same
content: readers take the best. Only publication deletes batches, those that no image needs.
"""

import contextlib
import json
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from jaxtyping import Float, Int

from pose_lib.files.atomic_write import put_atomic
from pose_lib.files.locations import Location, location
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.store.batch_file import (
    NO_BATCH,
    decode_batch,
    encode_batch,
    open_batch,
)
from pose_lib.store.ledger import ExtractionResults
from pose_lib.store.name_index import Texts
from pose_lib.store.objects import object_names, read_object, remove_object
from pose_lib.store.provenance import Provenance, read_provenance, writing
from pose_lib.store.schema import DAMAGE

_FOLDER, _BEGUN, _SUFFIX = "shards", "begun", ".npz"
_FOUND_AT_ONCE = 1 << 16
_READERS = 8  # threads; what a remote store takes is the time until it answers


class NoBatchError(OSError):
    """A file is no batch of the store, or no longer; who lists the batches again does without."""


@dataclass(frozen=True)
class Results:
    """Where the best result of each content lies. Of several the best status counts.

    Attributes:
        files: Names of the batches.
        digest: Hashes of contents as ASCII bytes, sorted, each once.
        file: Number of the batch with the result.
        row: Its row among that batch's images.
        status: What became of the image, an ``ImageStatus``.
        attempts: How often it was worked on.
    """

    files: tuple[str, ...]
    digest: np.ndarray
    file: Int[np.ndarray, "result"]
    row: Int[np.ndarray, "result"]
    status: Int[np.ndarray, "result"]
    attempts: Int[np.ndarray, "result"]

    def __len__(self) -> int:
        return len(self.digest)

    def find(self, digests: Texts) -> Int[np.ndarray, "wanted"]:
        """Return the place of each content among the results, -1 where there is none."""
        starts = range(0, len(digests), _FOUND_AT_ONCE)
        places = [self._find(digests[start : start + _FOUND_AT_ONCE]) for start in starts]
        return np.concatenate([np.empty(0, int), *places])

    def _find(self, digests: Sequence[str]) -> Int[np.ndarray, "wanted"]:
        wanted, at = np.array(digests, np.bytes_), np.full(len(digests), -1)
        if len(self):
            order = np.argsort(wanted)  # a search in order is ten times as quick
            place = np.searchsorted(self.digest, wanted[order]).clip(max=len(self) - 1)
            at[order] = np.where(self.digest[place] == wanted[order], place, -1)
        return at

    def final(self, places: Int[np.ndarray, "wanted"]) -> np.ndarray:
        """Tell of places, as found, which have a result that needs no other attempt."""
        if not len(self):
            return np.zeros(len(places), bool)
        return (places >= 0) & (self.status[places] != ImageStatus.FAILED)


def finished(path: str | Location, key: str = "") -> Results:
    """Return where the results are.

    Args:
        key: Of one shard; all by default.
    """
    return index_batches(path, batch_names(path, key))


def index_batches(path: str | Location, names: Sequence[str]) -> Results:
    """Return where the results in these batches are; damaged ones have none.

    Nor has a batch of other weights or settings, as of a worker of an ended run whose store was
    made anew meanwhile.
    """
    provenance = read_provenance(path)

    def index(name: str) -> _Index | None:
        with contextlib.suppress(NoBatchError), _open(path, name, provenance) as columns:
            status = columns["status"].astype(np.int8)
            return name, columns["digest"], status, columns["attempts"]
        return None

    with ThreadPoolExecutor(_READERS) as pool:
        return _best([found for found in pool.map(index, names) if found is not None])


def batch_names(path: str | Location, key: str = "") -> list[str]:
    """Return the names of all batches of a shard, or of the store, sorted."""
    names = object_names(location(path) / _FOLDER)
    return [name for name in names if name.startswith(key) and name.endswith(_SUFFIX)]


def shard_key(digests: Sequence[str]) -> str:
    """Return what the batches of one shard, and of nothing else, are named after."""
    return blake2b("".join(sorted(digests)).encode(), digest_size=8).hexdigest()


def write_shard(
    path: str | Location,
    keypoints: Keypoints,
    digests: Sequence[str],
    seconds: Float[np.ndarray, "image"],
) -> str:
    """Write the results of some images as one batch and return its name.

    Args:
        digests: Hash of each image's content.
        seconds: What each image took.
    """
    once = np.ones(len(digests), np.int32)
    results = ExtractionResults(keypoints, tuple(digests), once, np.asarray(seconds, np.float32))
    return write_batch(path, shard_key(digests), results, read_provenance(path))


def write_batch(
    path: str | Location, key: str, results: ExtractionResults, provenance: Provenance
) -> str:
    """Write results of images of a shard; return the batch's name."""
    content = encode_batch(results, provenance)
    name = f"{key}-{_hash(content)}{_SUFFIX}"
    with writing(path):
        put_atomic(location(path) / _FOLDER / name, content)
    return name


def read_batch(path: str | Location, name: str, provenance: Provenance) -> ExtractionResults:
    """Read a batch.

    Raises:
        NoBatchError: If it is gone, damaged, or of another provenance.
    """
    with _open(path, name, provenance) as columns:
        return decode_batch(columns, provenance)


@contextlib.contextmanager
def _open(
    path: str | Location, name: str, provenance: Provenance
) -> Iterator[Mapping[str, np.ndarray]]:
    file = location(path) / _FOLDER / name
    content = read_object(file)
    if content is None or not name.endswith(f"-{_hash(content)}{_SUFFIX}"):
        raise NoBatchError(f"{file} is gone or damaged; run the same command again")
    try:
        with open_batch(content, provenance) as columns:
            yield columns
    except NO_BATCH as error:
        raise NoBatchError(f"{file} is no batch of this store: {error}") from error


def delete_batches(path: str | Location, names: Sequence[str]) -> None:
    """Delete batches that no image needs, and the marks of all that was begun."""
    folder = location(path) / _FOLDER
    marks = [folder / _BEGUN / name for name in object_names(folder / _BEGUN)]
    with writing(path):
        for file in (*(folder / name for name in names), *marks):
            remove_object(file)


def begin_batch(path: str | Location, key: str, digests: Sequence[str]) -> Location:
    """Leave a mark that work on these images of a shard has begun; return it."""
    mark = location(path) / _FOLDER / _BEGUN / f"{key}-{uuid.uuid4().hex}.json"
    with writing(path):
        put_atomic(mark, json.dumps(list(digests)).encode())
    return mark


def end_batch(path: str | Location, mark: Location) -> None:
    """Remove the mark of a batch that is written, or given up by a process that lives."""
    with writing(path):
        remove_object(mark)


def begun_digests(path: str | Location, key: str) -> Counter[str]:
    """Return the images of a shard that work was begun on, by marks left over, and how often."""
    folder = location(path) / _FOLDER / _BEGUN
    begun: Counter[str] = Counter()
    for name in object_names(folder):
        if name.startswith(key):
            with contextlib.suppress(*DAMAGE):  # by a power failure
                begun.update(json.loads(read_object(folder / name) or b"[]"))
    return begun


def _hash(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


_Index = tuple[str, np.ndarray, np.ndarray, np.ndarray]
"""A batch's name, and digest, status and attempts of its images."""


def _best(indices: Sequence[_Index]) -> Results:
    names, digests, statuses, tries = zip(*indices, strict=True) if indices else ((),) * 4
    counts = [len(each) for each in digests]
    digest = np.concatenate([np.empty(0, "S1"), *digests])
    status = np.concatenate([np.empty(0, np.int8), *statuses])
    attempts = np.concatenate([np.empty(0, np.int32), *tries])
    row = np.concatenate([np.empty(0, np.int32), *(np.arange(n, dtype=np.int32) for n in counts)])
    file = np.repeat(np.arange(len(counts), dtype=np.int32), counts)

    # Of two failures the one that knows of the other; of equals that in the larger batch, so that
    # nothing needs the batches of which it was made by one who died before their deletion.
    size = np.repeat(counts, counts)
    order = np.lexsort((-size, -attempts, status))
    order = order[np.argsort(digest[order], kind="stable")]
    digest = digest[order]
    first = np.ones(len(order), bool)
    first[1:] = digest[1:] != digest[:-1]
    best = order[first]
    return Results(names, digest[first], file[best], row[best], status[best], attempts[best])
