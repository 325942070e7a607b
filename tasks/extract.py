"""Extraction as Prefect tasks: what is there, what needs work, the work, and its publication."""

import functools
import itertools
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version

import numpy as np
from prefect import task

from pose_lib.errors import InputError
from pose_lib.extract.detector import PersonDetector, detector_named
from pose_lib.extract.plan import Shard, plan_shards
from pose_lib.extract.shard import BatchSizer, ShardWork, scanned_images, work_on_shard
from pose_lib.extract_config import ExtractConfig
from pose_lib.files.locations import Location
from pose_lib.images.find import find_images
from pose_lib.images.source import ImageSource
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.openpose.engine import on_gpu
from pose_lib.person_selection import EVERYBODY, PersonSelection, check_selection
from pose_lib.store import (
    Results,
    convert_old_parts,
    finished,
    is_store,
    known_digests,
    open_store,
    other_settings,
    publish,
    read_image_root,
    remake_store,
)
from pose_lib.store.ledger import Ledger
from pose_lib.store.name_index import TextsByName
from tasks.checks import provenance
from tasks.runtime.payload import UNHASHED, CompressedShard
from tasks.runtime.retries import RETRY_OPTIONS
from tasks.runtime.workspace import current_workspace

BATCH_SECONDS = 5.0
"""To write a batch takes some 5 ms on a disk and 0.1 s on a distant storage: 2 % at most."""


@dataclass(frozen=True)
class ImageInventory:
    """The images of a run as they are now.

    Attributes:
        digests: A hash of each image's content, by name.
        stamps: What the storage said of each image's file before it was hashed, by name.
    """

    source: ImageSource
    digests: Mapping[str, str]
    stamps: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LedgerCounts:
    """What became of the images of a store, in numbers.

    Attributes:
        counts: Images by status label.
        reasons: Images that gave nothing although they should, as (name, why), the first few.
    """

    images: int
    people: int
    counts: dict[str, int]
    reasons: tuple[tuple[str, str], ...]


@task(name="scan-images")
def scan_images(
    images: str, config: ExtractConfig, store: Location | None = None
) -> ImageInventory:
    """Find the images and hash their content; refuse a selection of people that cannot be made.

    Args:
        store: Knows the hashes of files that did not change since it was published.
    """
    source = find_images(images, max_pixels=config.max_pixels)
    check_selection(config.selection, source.names)
    stamps = _of_all(source, ImageSource.fingerprints)
    known = {} if store is None else known_digests(store)
    digests = _of_all(source, lambda block: block.digests(stamps, known))
    return ImageInventory(source, digests, stamps)


@task(name="plan-shards", **UNHASHED)
def plan_missing_shards(
    inventory: ImageInventory,
    store: Location,
    config: ExtractConfig,
    n_workers: int,
    *,
    overwrite: bool,
) -> list[Shard]:
    """Open the store and cut the images that it has no result for into shards.

    Images of equal content are computed once; failed ones are tried again.

    Args:
        overwrite: Delete results of other settings, and no others: the same command goes on.
    """
    origin = provenance(config)  # before anything is deleted, for weights may be lacking
    if overwrite and is_store(store) and other_settings(store, origin):
        remake_store(store, origin)
    open_store(store, origin)
    convert_old_parts(store)
    results = finished(store)
    places = results.find(list(inventory.digests.values()))
    if not overwrite and not (places >= 0).any():
        _refuse_other_images(store, inventory)
    final = results.final(places).tolist()
    wanted = zip(inventory.digests.items(), final, strict=True)
    missing = {name: digest for (name, digest), is_final in wanted if not is_final}
    return cut_shards(missing, results, config, n_workers)


def cut_shards(
    digests: Mapping[str, str], results: Results, config: ExtractConfig, n_workers: int
) -> list[Shard]:
    """Cut images that are to be worked on into shards. Those of equal content are one.

    Args:
        digests: Hash of each image's content, by name.
        results: What the store has of earlier runs.
    """
    once = {digest: name for name, digest in digests.items()}
    places = zip(once.values(), results.find(list(once)).tolist(), strict=True)
    tried = {name: int(results.attempts[place]) for name, place in places if place >= 0}
    plan = plan_shards(
        list(once.values()), images_per_shard=shard_length(config), n_workers=n_workers
    )
    return [
        replace(
            shard,
            digests=tuple(digests[name] for name in shard.names),
            tried={name: tried[name] for name in shard.names if name in tried},
            package_version=version("poselift"),
        )
        for shard in plan
    ]


@task(name="extract-shard", task_run_name="extract {packed}", **UNHASHED, **RETRY_OPTIONS)
def extract_shard(
    packed: CompressedShard, source: ImageSource, store: Location, config: ExtractConfig
) -> int:
    """Find the people in the shard's images and write them to the store; return how many images.

    May run again, even at the same time: what is done is not done again.

    Args:
        source: How to read images; it need not name those of the shard.
    """
    shard = packed.unpacked()
    _refuse_another_version(shard)
    detector = _detector(config)
    # Two images of one content may have come by another way than `cut_shards`.
    digests = shard.digests or tuple(source.only(shard.names).digests().values())
    images = scanned_images(
        replace(source, min_side=detector.min_side),
        {digest: name for name, digest in zip(shard.names, digests, strict=True)},
        shard.tried,
    )
    work = ShardWork(
        detector, functools.partial(_load_detector, config), _pace(config), provenance(config)
    )
    work_on_shard(store, images, work)
    return len(shard.names)


@task(name="publish-store", **UNHASHED, **RETRY_OPTIONS)
def publish_store(
    store: Location, inventory: ImageInventory, selection: PersonSelection = EVERYBODY
) -> LedgerCounts:
    """Assemble what readers of the store see, for exactly these images."""
    source = inventory.source
    table = publish(
        store,
        source.names,
        inventory.digests,
        fingerprints=inventory.stamps,
        root=source.root,
        choice=selection,
    )
    return ledger_of(table)


def ledger_of(keypoints: Keypoints | Ledger, n_reasons: int = 20) -> LedgerCounts:
    """Count what became of the images."""
    faults = np.flatnonzero(keypoints.status >= ImageStatus.UNREADABLE)[:n_reasons]
    return LedgerCounts(
        images=keypoints.n_images,
        people=keypoints.n_people,
        counts=keypoints.counts(),
        reasons=tuple((keypoints.filename[row], keypoints.reason[row]) for row in faults),
    )


def shard_length(config: ExtractConfig) -> int:
    """Return how many images make a task: as set, else some 10 to 20 seconds of work."""
    if config.images_per_shard is not None:
        return config.images_per_shard
    return 16_384 if _is_quick(config) else 128


def _is_quick(config: ExtractConfig) -> bool:
    return config.detector == "openpose" and on_gpu(config.openpose.engine)


def _refuse_another_version(shard: Shard) -> None:
    """Refuse work that was planned by another version: its results might differ."""
    here = version("poselift")
    if shard.package_version not in ("", here):
        raise InputError(
            f"the worker on {socket.gethostname()} has poselift {here}, but the run was started "
            f"with {shard.package_version}; install the same version on all workers"
        )


def _of_all(source: ImageSource, texts: Callable[[ImageSource], Mapping[str, str]]) -> TextsByName:
    """Gather a text for each image of a source, piece by piece."""
    pieces = (texts(block).values() for block in source.blocks())
    return TextsByName(source.names, itertools.chain.from_iterable(pieces))


def _refuse_other_images(store: Location, inventory: ImageInventory) -> None:
    """Refuse to replace the results of one folder of images by those of quite another."""
    root = read_image_root(store)
    if root not in (None, inventory.source.root):
        raise InputError(
            f"{store} holds the people of other images, those in {root}; name another store, "
            "or ask for this one to be overwritten"
        )


@functools.lru_cache(maxsize=1)
def _detector(config: ExtractConfig) -> PersonDetector:
    """Load the network once per worker process."""
    return _load_detector(config)


def _load_detector(config: ExtractConfig) -> PersonDetector:
    """Return the detector that the settings name, for a process that computes with one thread."""
    module = detector_named(config.detector)
    return module.load(config.detector_settings, current_workspace().weights, threads=1)


@functools.lru_cache(maxsize=1)
def _pace(config: ExtractConfig) -> BatchSizer:
    """Return how many images, or seconds of work, this worker process loses if it dies.

    As many images as are set; else batches grow where they take less than some seconds.
    """
    if config.images_per_batch is not None:
        return BatchSizer(config.images_per_batch)
    return BatchSizer(4096 if _is_quick(config) else 64, BATCH_SECONDS)
