"""Flow: the people in a folder of images, found on Dask's workers, into a keypoint store."""

from pathlib import Path

from prefect import flow, unmapped
from prefect.futures import PrefectFutureList, as_completed

from flows.runner import dask_runner, worker_count
from pose_lib.extraction import ExtractConfig
from pose_lib.sharding import plan_shards
from tasks.artifacts import show_ledger
from tasks.extract import (
    Ledger,
    Survey,
    extract_shard,
    plan_missing_shards,
    publish_store,
    shard_length,
    survey_images,
)
from tasks.overlay import check_overlays, draw_overlays
from tasks.progress import report_progress


@flow(name="extract-keypoints", flow_run_name="extract {images}", task_runner=dask_runner())
def extract_keypoints(
    images: str,
    store: Path,
    config: ExtractConfig = ExtractConfig(),  # noqa: B008 - frozen
    overlays: Path | None = None,
    overwrite: bool = False,
) -> Ledger:
    """Find the people in every image under ``images`` and keep them in the store.

    Running again computes only what is new, has changed or failed.

    Args:
        images: Folder, glob pattern, list of images (.txt), image or video.
        store: Keypoint store (zarr) to make or to go on with.
        overlays: Folder for the images with skeletons drawn over; none by default.
        overwrite: Delete a store that holds results of other settings, instead of refusing.
    """
    survey = survey_images(images, config)
    if overlays is not None:
        check_overlays(survey.source, overlays)
    shards = plan_missing_shards(survey, store, config, worker_count(), overwrite=overwrite)
    sources = [survey.source.only(shard.names) for shard in shards]
    extracted = extract_shard.map(shards, sources, unmapped(store), unmapped(config))
    _finish("detection", extracted, sum(len(shard.names) for shard in shards))
    ledger = publish_store(store, survey, config.choice)
    show_ledger(ledger)
    if overlays is not None:
        _draw(survey, store, overlays, config)
    return ledger


def _draw(survey: Survey, store: Path, overlays: Path, config: ExtractConfig) -> None:
    shards = plan_shards(
        survey.source.names,
        images_per_shard=10 * shard_length(config),  # drawing is that much quicker
        n_workers=worker_count(),
    )
    sources = [survey.source.only(shard.names) for shard in shards]
    drawn = draw_overlays.map(shards, sources, unmapped(store), unmapped(overlays))
    _finish("overlays", drawn, len(survey.source))


def _finish(stage: str, pieces: PrefectFutureList[int], n_images: int) -> None:
    """Wait for tasks that return how many images they did, and pass on the first failure."""
    done = 0
    report_progress(stage, done, n_images)
    for piece in as_completed(list(pieces)):
        done += piece.result()
        report_progress(stage, done, n_images)
