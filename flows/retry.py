"""Flow: the images of a store that gave nothing, tried again."""

from prefect import flow

from flows.extract import compute_shards, publish
from flows.places import Place
from flows.runner import dask_runner, worker_count
from pose_lib.extraction import ExtractConfig
from tasks.bulk import PackedShard
from tasks.faults import refuse_too_many_faults
from tasks.progress import tell
from tasks.retry import Retried, nothing_to_retry, plan_retry, recorded_settings, what_became
from tasks.sole_writer import sole_writer


@flow(name="retry-failed", flow_run_name="retry {store}", task_runner=dask_runner())
def retry_failed(
    store: Place, images: Place | None = None, config: ExtractConfig | None = None
) -> Retried:
    """Try the unreadable and failed images of a store again, and touch no other.

    Args:
        store: Keypoint store that was published before.
        images: Where the images are now, if not where the store says.
        config: How to extract; as the store says by default.

    Raises:
        TooManyFaultsError: After all else, if too many of all images are still faulty.
    """
    config = config or recorded_settings(store)
    with sole_writer(store, config.wait_seconds) as lease:
        if nothing := nothing_to_retry(store):
            return nothing
        retry = plan_retry(store, config, worker_count(), images)
        compute_shards([*map(PackedShard, retry.shards)], retry.survey, store, config, lease)
        ledger = publish(retry.survey, store, config, lease)
        retried = what_became(store, retry.before, ledger)
    tell(f"{retried.mended} of {len(retry.before)} images mended")
    refuse_too_many_faults(ledger, store, config.max_failed_share)
    return retried
