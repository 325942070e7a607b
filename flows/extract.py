"""Flow: the people in a folder of images, found on Dask's workers, into a keypoint store."""

from collections.abc import Iterator

from prefect import flow, unmapped
from prefect.futures import PrefectFutureList, as_completed

from flows.cluster.runner import dask_runner, local_workers_ahead, worker_count
from flows.parameters import ExtractSettings, PathOrUrl
from pose_lib.extract.plan import plan_shards
from pose_lib.extract_config import ExtractConfig
from pose_lib.files.locations import Location
from pose_lib.store.lock import Lease
from tasks.artifacts import show_images, show_ledger
from tasks.checks import check_extraction
from tasks.extract import (
    ImageInventory,
    LedgerCounts,
    extract_shard,
    plan_missing_shards,
    publish_store,
    scan_images,
    shard_length,
)
from tasks.failure_limit import refuse_too_many_faults
from tasks.overlay import check_overlays, draw_overlays, expect_overlays, remove_other_overlays
from tasks.retry import record_extraction
from tasks.runtime.payload import CompressedShard, opaque
from tasks.runtime.progress import report_progress
from tasks.store_lock import exclusive_lock


@flow(name="extract-keypoints", flow_run_name="extract {images}", task_runner=dask_runner())
def extract_keypoints(
    images: str,
    store: PathOrUrl,
    config: ExtractSettings = ExtractConfig(),  # noqa: B008 - frozen
    overlays: PathOrUrl | None = None,
    overwrite: bool = False,
) -> LedgerCounts:
    """Find the people in every image under ``images`` and keep them in the store.

    Running again computes only what is new, has changed or failed. Another run that writes the
    store is waited for.

    Args:
        images: Folder, glob pattern, list of images (.txt), image or video.
        store: Keypoint store (zarr) to make or to go on with.
        overlays: Folder for the images with skeletons drawn over; none by default.
        overwrite: Delete a store that holds results of other settings, instead of refusing.

    Raises:
        TooManyFaultsError: After all else, if too many images were unreadable or failed.
    """
    check_extraction(images, store, config, overlays, overwrite=overwrite)
    with exclusive_lock(store, config.lock_timeout) as lease, local_workers_ahead():
        inventory = scan_images(images, config, store)
        if overlays is not None:
            check_overlays(opaque(inventory.source), overlays)
        plan = plan_missing_shards(
            opaque(inventory), store, config, worker_count(), overwrite=overwrite
        )
        shards = [*map(CompressedShard, plan)]
        del plan  # a million names, say, and their digests
        record_extraction(store, config)
        compute_shards(shards, inventory, store, config, lease)
        ledger = publish(inventory, store, config, lease)
        if overlays is not None:
            _draw(inventory, store, overlays, config)
    refuse_too_many_faults(ledger, store, config.max_failure_rate)
    return ledger


def compute_shards(
    shards: list[CompressedShard],
    inventory: ImageInventory,
    store: Location,
    config: ExtractConfig,
    lease: Lease,
) -> None:
    """Work on the shards, and let others see how many of all images are done."""
    n_images = sum(shard.n_images for shard in shards)
    before = len(inventory.source) - n_images
    lease.progress(before, len(inventory.source))
    source = unmapped(inventory.source.only(()))
    extracted = extract_shard.map(shards, source, unmapped(store), unmapped(config))
    for done in _finish("detection", extracted, n_images):
        lease.progress(before + done, len(inventory.source))


def publish(
    inventory: ImageInventory, store: Location, config: ExtractConfig, lease: Lease
) -> LedgerCounts:
    """Show all results to the store's readers and on the run's page, if the store is ours yet."""
    lease.confirm()
    ledger = publish_store(store, opaque(inventory), config.selection)
    show_ledger(ledger)
    show_images(store, ledger)
    return ledger


def _draw(
    inventory: ImageInventory, store: Location, overlays: Location, config: ExtractConfig
) -> None:
    shards = plan_shards(
        inventory.source.names,
        images_per_shard=10 * shard_length(config),  # drawing is that much quicker
        n_workers=worker_count(),
    )
    packed, source = (
        [CompressedShard(shard) for shard in shards],
        unmapped(inventory.source.only(())),
    )
    names = expect_overlays(store, overlays)
    drawn = draw_overlays.map(packed, source, unmapped(store), unmapped(overlays))
    for _ in _finish("overlays", drawn, len(inventory.source)):
        pass
    remove_other_overlays(overlays, names)


def _finish(stage: str, pieces: PrefectFutureList[int], n_images: int) -> Iterator[int]:
    """Wait for tasks that return how many images they did; yield how many are done so far.

    Passes on the first failure.
    """
    done = 0
    report_progress(stage, done, n_images)
    for piece in as_completed(list(pieces)):
        done += piece.result()
        report_progress(stage, done, n_images)
        yield done
