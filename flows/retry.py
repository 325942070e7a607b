"""Flow: the images of a store that gave nothing, tried again."""

from prefect import flow

from flows.cluster.runner import dask_runner, worker_count
from flows.extract import compute_shards, publish
from flows.parameters import ExtractSettings, PathOrUrl
from pose_lib.recorded_config import recorded_settings
from tasks.checks import check_retry
from tasks.failure_limit import refuse_too_many_faults
from tasks.retry import Retried, nothing_to_retry, plan_retry, what_became
from tasks.runtime.payload import CompressedShard
from tasks.runtime.progress import tell
from tasks.store_lock import exclusive_lock


@flow(name="retry-failed", flow_run_name="retry {store}", task_runner=dask_runner())
def retry_failed(
    store: PathOrUrl, images: PathOrUrl | None = None, config: ExtractSettings | None = None
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
    check_retry(store, config, images)
    with exclusive_lock(store, config.lock_timeout) as lease:
        if nothing := nothing_to_retry(store):
            return nothing
        retry = plan_retry(store, config, worker_count(), images)
        compute_shards([*map(CompressedShard, retry.shards)], retry.inventory, store, config, lease)
        ledger = publish(retry.inventory, store, config, lease)
        retried = what_became(store, retry.before, ledger)
    tell(f"{retried.mended} of {len(retry.before)} images mended")
    refuse_too_many_faults(ledger, store, config.max_failure_rate)
    return retried
