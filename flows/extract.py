"""Flow: the people in a folder of images, found on Dask's workers, into a keypoint store."""

from collections.abc import Iterator

from prefect import flow, unmapped
from prefect.futures import PrefectFutureList, as_completed

from flows.places import Place
from flows.runner import dask_runner, worker_count
from pose_lib.extraction import ExtractConfig
from pose_lib.formats.locations import Location
from pose_lib.formats.store_lock import Lease
from pose_lib.sharding import plan_shards
from tasks.artifacts import show_images, show_ledger
from tasks.bulk import PackedShard, unseen
from tasks.extract import (
    Ledger,
    Survey,
    extract_shard,
    plan_missing_shards,
    publish_store,
    shard_length,
    survey_images,
)
from tasks.faults import refuse_too_many_faults
from tasks.overlay import check_overlays, draw_overlays
from tasks.overlay_list import expect_overlays, remove_other_overlays
from tasks.progress import report_progress
from tasks.retry import record_extraction
from tasks.sole_writer import sole_writer


@flow(name="extract-keypoints", flow_run_name="extract {images}", task_runner=dask_runner())
def extract_keypoints(
    images: str,
    store: Place,
    config: ExtractConfig = ExtractConfig(),  # noqa: B008 - frozen
    overlays: Place | None = None,
    overwrite: bool = False,
) -> Ledger:
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
    with sole_writer(store, config.wait_seconds) as lease:
        survey = survey_images(images, config, store)
        if overlays is not None:
            check_overlays(unseen(survey.source), overlays)
        plan = plan_missing_shards(
            unseen(survey), store, config, worker_count(), overwrite=overwrite
        )
        shards = [*map(PackedShard, plan)]
        del plan  # a million names, say, and their digests
        record_extraction(store, config)
        compute_shards(shards, survey, store, config, lease)
        ledger = publish(survey, store, config, lease)
        if overlays is not None:
            _draw(survey, store, overlays, config)
    refuse_too_many_faults(ledger, store, config.max_failed_share)
    return ledger


def compute_shards(
    shards: list[PackedShard], survey: Survey, store: Location, config: ExtractConfig, lease: Lease
) -> None:
    """Work on the shards, and let others see how many of all images are done."""
    n_images = sum(shard.n_images for shard in shards)
    before = len(survey.source) - n_images
    lease.progress(before, len(survey.source))
    source = unmapped(survey.source.only(()))
    extracted = extract_shard.map(shards, source, unmapped(store), unmapped(config))
    for done in _finish("detection", extracted, n_images):
        lease.progress(before + done, len(survey.source))


def publish(survey: Survey, store: Location, config: ExtractConfig, lease: Lease) -> Ledger:
    """Show all results to the store's readers and on the run's page, if the store is ours yet."""
    lease.confirm()
    ledger = publish_store(store, unseen(survey), config.choice)
    show_ledger(ledger)
    show_images(store, ledger)
    return ledger


def _draw(survey: Survey, store: Location, overlays: Location, config: ExtractConfig) -> None:
    shards = plan_shards(
        survey.source.names,
        images_per_shard=10 * shard_length(config),  # drawing is that much quicker
        n_workers=worker_count(),
    )
    packed, source = [PackedShard(shard) for shard in shards], unmapped(survey.source.only(()))
    names = expect_overlays(store, overlays)
    drawn = draw_overlays.map(packed, source, unmapped(store), unmapped(overlays))
    for _ in _finish("overlays", drawn, len(survey.source)):
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
