"""Trying again the images of a store that gave nothing, and no other."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from prefect import task

from pose_lib.errors import InputError
from pose_lib.extract.plan import Shard
from pose_lib.extract_config import ExtractConfig
from pose_lib.files.locations import Location
from pose_lib.files.safe_names import refuse_escaping_names
from pose_lib.images.source import ImageSource
from pose_lib.keypoints import ImageStatus
from pose_lib.recorded_config import record_settings
from pose_lib.store import (
    convert_old_parts,
    finished,
    known_digests,
    open_store,
    read_ledger,
)
from pose_lib.store.ledger import Ledger
from pose_lib.store.ledger_summary import faulty_rows
from tasks.checks import image_root, provenance
from tasks.extract import ImageInventory, LedgerCounts, cut_shards, ledger_of


@dataclass(frozen=True)
class Retry:
    """What is to be tried again.

    Attributes:
        inventory: All images of the store; the digests of the faulty ones are as of now.
        shards: The faulty ones.
        before: Label of the status that each of those has had.
    """

    inventory: ImageInventory
    shards: list[Shard]
    before: Mapping[str, str]


@dataclass(frozen=True)
class Retried:
    """What became of the images that were tried again.

    Attributes:
        became: How many have which status now, by the status that they had.
        ledger: What became of all images of the store.
    """

    became: dict[str, dict[str, int]]
    ledger: LedgerCounts

    @property
    def mended(self) -> int:
        """How many are neither unreadable nor failed any more."""
        good = (ImageStatus.OK.label, ImageStatus.NO_PERSON.label)
        return sum(count for now in self.became.values() for s, count in now.items() if s in good)


@task(name="record-extraction")
def record_extraction(store: Location, config: ExtractConfig) -> None:
    """Keep in the store how its images were extracted, so that some can be tried again alike."""
    record_settings(store, config)


def nothing_to_retry(store: Location) -> Retried | None:
    """Return what a retry would, where no image of the store is unreadable or failed."""
    ledger = read_ledger(store)
    return None if faulty_rows(ledger) else Retried({}, ledger_of(ledger))


@task(name="plan-retry")
def plan_retry(
    store: Location, config: ExtractConfig, n_workers: int, images: Location | None = None
) -> Retry:
    """Find the unreadable and failed images of the store, and cut them into shards.

    Args:
        images: Where the images are now, if not where the store says.

    Raises:
        InputError: If the store is none, is not whole or has other settings, or not one of those
            images is there.
    """
    open_store(store, provenance(config))
    convert_old_parts(store)
    ledger = read_ledger(store)
    before = {ledger.filename[row]: _label(ledger, row) for row in faulty_rows(ledger)}
    refuse_escaping_names(before, store)
    root = image_root(store, images)
    _refuse_if_none_is_there(root, store, list(before))
    source = ImageSource(root, tuple(before), max_pixels=config.max_pixels)
    stamps = {
        name: stamp for name, (stamp, _) in known_digests(store).items()
    } | source.fingerprints()
    now = source.digests()
    known = dict(zip(ledger.filename, ledger.digest, strict=True))
    whole = ImageSource(root, ledger.filename, max_pixels=config.max_pixels)
    shards = cut_shards(now, finished(store), config, n_workers)
    return Retry(ImageInventory(whole, known | now, stamps), shards, before)


@task(name="compare-ledgers")
def what_became(store: Location, before: Mapping[str, str], ledger: LedgerCounts) -> Retried:
    """Count what became of the images that were tried again."""
    table = read_ledger(store)
    now = {name: _label(table, row) for row, name in enumerate(table.filename) if name in before}
    became = {
        status: dict(Counter(now[name] for name in before if before[name] == status))
        for status in sorted(set(before.values()))
    }
    return Retried(became, ledger)


def _label(ledger: Ledger, row: int) -> str:
    return ImageStatus(int(ledger.status[row])).label


def _refuse_if_none_is_there(root: Location, store: Location, faulty: list[str]) -> None:
    paths = (root / name for name in faulty)
    if not any(path.is_file() or path.parent.is_file() for path in paths):  # or a video's frame
        raise InputError(
            f"of {len(faulty)} images of {store} to try again none is in {root}, such as "
            f"{faulty[0]}; say where they are by --images DIR, or run extract again to drop them"
        )
