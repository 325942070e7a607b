"""Assembling what readers of a keypoint store see, from its batches."""

import contextlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import zarr
from jaxtyping import Bool, Int

from pose_lib.files.locations import Location, is_remote, location
from pose_lib.keypoints import Keypoints
from pose_lib.person_selection import (
    EVERYBODY,
    PersonSelection,
    apply_selection,
    check_selection,
    selection_record,
    selection_source,
)
from pose_lib.store.batches import Results, batch_names, delete_batches, index_batches
from pose_lib.store.gathering import compact, gather_blocks
from pose_lib.store.ledger import ExtractionResults, Ledger
from pose_lib.store.lock import LeaseLostError
from pose_lib.store.name_index import Texts
from pose_lib.store.old_parts import convert_old_parts
from pose_lib.store.provenance import open_root, skeleton_of, writing
from pose_lib.store.read import ledger_in, read_keypoints
from pose_lib.store.schema import (
    CHUNK_ROWS,
    DAMAGE,
    append_arrays,
    read_array,
    read_arrays,
    read_status,
    read_through,
    write_arrays,
    write_chosen,
)

_EDITION = "2"
"""To be raised with every change of what is published of the same results."""

_IMAGES = ("digest", "filename", "size", "status", "reason", "attempts", "seconds", "stamp")
_PEOPLE = ("keypoints", "image", "score", "chosen")
_TORN_FILES = (
    *(f"{folder}zarr.*.partial" for folder in ("", "images/", "people/")),
    *(f"shards/{folder}*.partial" for folder in ("", "begun/")),
)
_ARRAYS = (*(f"images/{name}" for name in _IMAGES), *(f"people/{name}" for name in _PEOPLE))


def publish(
    path: str | Location,
    names: Sequence[str],
    digests: Mapping[str, str],
    *,
    fingerprints: Mapping[str, str] | None = None,
    root: str | Location | None = None,
    choice: PersonSelection = EVERYBODY,
) -> Ledger:
    """Assemble what readers see from the batches, for exactly these images.

    Interrupted at any point it can be run again. Batches that no image needs are deleted at the
    end. Everybody found stays in the store, chosen or not. Where all is published already, nothing
    is written.

    Args:
        names: All images, sorted.
        digests: Hash of each name's content.
        fingerprints: What the file system said of each name's file before it was hashed.
        root: The folder that the names are relative to, kept so that images can be read again.
        choice: Who is used further on.

    Returns:
        The published ledger. An image without a result has the status failed.

    Raises:
        InputError: If the annotations to choose by cannot be read, or are about other images, or
            the store cannot be written to.
        LeaseLostError: If another run publishes at the same time.
        NoBatchError: If a batch is deleted or damaged meanwhile; to be published again.
    """
    check_selection(choice, names)
    convert_old_parts(path)
    wanted = _TextsOf(names, digests)
    batches = batch_names(path)
    results = index_batches(path, batches)
    places = results.find(wanted)
    if fewer := compact(path, results, places):
        del results, places  # of a million images they are large
        results = index_batches(path, fewer)
        places = results.find(wanted)
    columns = names, wanted, _TextsOf(names, fingerprints or {})
    inputs = *columns, [str(root), str(selection_source(choice))]
    publication_hash = _publication_hash(inputs, results, places)
    store = open_root(path, mode="r+")
    if not _is_published(store, publication_hash):
        with _publishing(path, store, publication_hash) as attributes:
            _write_blocks(store, gather_blocks(path, results, places), columns)
            chosen = _chosen(store, choice)
            write_chosen(store, chosen)
            attributes["root"] = str(root) if root else None
            attributes["person_choice"] = selection_record(chosen, choice)
    # One that came meanwhile, from a worker of an ended run, is left to the next publication.
    delete_batches(path, sorted(set(batches) - _needed(results, places)))
    _remove_torn_files(path)
    return ledger_in(store, names, wanted[:])


def choose_again(path: str | Location, choice: PersonSelection) -> Keypoints:
    """Choose among the published people anew, without looking at an image; return them.

    Raises:
        InputError: As `read_keypoints` and `publish` do.
    """
    keypoints = apply_selection(read_keypoints(path), choice)
    store = open_root(path, mode="r+")
    with _publishing(path, store, publication_hash=None) as attributes:
        write_chosen(store, keypoints.chosen)
        attributes["person_choice"] = selection_record(keypoints.chosen, choice)
    return keypoints


def _remove_torn_files(path: str | Location) -> None:
    """Remove what killed writers leave on a disk."""
    store = location(path)
    if not is_remote(store):
        for pattern in _TORN_FILES:
            for torn in store.glob(pattern):
                torn.unlink(missing_ok=True)


def _needed(results: Results, places: Int[np.ndarray, "image"]) -> set[str]:
    numbers = np.unique(results.file[places[places >= 0]])
    return {results.files[number] for number in numbers.tolist()}


@dataclass(frozen=True)
class _TextsOf:
    """A text for each name, empty where there is none; made when asked for, as they are many."""

    names: Sequence[str]
    texts: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, here: slice) -> Sequence[str]:
        return [self.texts.get(name, "") for name in self.names[here]]


def _publication_hash(
    inputs: Sequence[Texts], results: Results, places: Int[np.ndarray, "image"]
) -> str:
    """Return a hash of all that is published, so that publishing it again can be left out."""
    found = blake2b(_EDITION.encode(), digest_size=16)
    for column in (*inputs, sorted(_needed(results, places))):
        for start in range(0, len(column), CHUNK_ROWS):
            text = "\n".join(column[start : start + CHUNK_ROWS])
            found.update(text.encode("utf-8", "surrogatepass") + b"\0")
        found.update(b"\0")
    there = places[places >= 0]
    _, file = np.unique(results.file[there], return_inverse=True)  # for others are deleted
    for numbers in (places < 0, file, results.row[there]):
        found.update(np.ascontiguousarray(numbers).tobytes())
    return found.hexdigest()


@contextlib.contextmanager
def _publishing(
    path: str | Location, store: zarr.Group, publication_hash: str | None
) -> Iterator[dict[str, Any]]:
    """Mark the store as incomplete for the block, and at its end, last, as published.

    Yields:
        More attributes to be set at the end: any write of them would hide another run's.

    Raises:
        LeaseLostError: If another run wrote to it meanwhile: then it stays incomplete, for no one
            can tell what of the arrays is whose.
    """
    token = uuid.uuid4().hex
    with writing(path):
        store.attrs.update({"published": None, "published_from": token})
        attributes: dict[str, Any] = {}
        yield attributes
        now = open_root(path, mode="r+")
        if now.attrs.get("published_from") != token:
            now.attrs.update({"published": None, "published_from": None})
            raise LeaseLostError(
                f"another run published {path} while this one did, which gave no sign of life; "
                "nothing that was computed is lost: run the same command again"
            )
        store.attrs.update(attributes | {"published": token, "published_from": publication_hash})


def _is_published(store: zarr.Group, publication_hash: str) -> bool:
    """Tell whether just that is published, and can be read."""
    if not store.attrs.get("published"):
        return False
    if store.attrs.get("published_from") != publication_hash:
        return False
    try:
        read_through(store, _ARRAYS)
        read_status(store)  # whose values cannot be any
    except DAMAGE:
        return False
    return True


def _write_blocks(
    store: zarr.Group, blocks: Iterator[ExtractionResults], columns: Sequence[Texts]
) -> None:
    """Write the arrays that readers see.

    Args:
        columns: Name, digest and fingerprint of every image.
    """
    n_images, start = len(columns[0]), 0
    for block in blocks:
        stop = start + len(block)
        names, digests, fingerprints = (tuple(column[start:stop]) for column in columns)
        named = replace(block.keypoints, filename=names)
        results = replace(block, keypoints=named, digest=digests)
        if start == 0:
            chunk = CHUNK_ROWS if stop < n_images else 1
            write_arrays(store, results, fingerprints, least_chunk=chunk)
        else:
            append_arrays(store, results, fingerprints)
        start = stop


def _chosen(store: zarr.Group, choice: PersonSelection) -> Bool[np.ndarray, "person"]:
    """Tell who of the people in the store is chosen."""
    if choice.rule == EVERYBODY.rule:  # without loading them
        return np.ones(len(read_array(store, "people/score")), bool)
    return apply_selection(read_arrays(store, skeleton_of(store)), choice).chosen
