"""What surrounds a command that runs a flow: a Prefect API, workers and progress bars."""

import contextlib
import os
from collections.abc import Iterator

from flows.console import progress_bars
from flows.services import prefect_api
from tasks.progress import report_progress
from tasks.workspace import current_workspace


@contextlib.contextmanager
def session(
    meanwhile: contextlib.AbstractContextManager[None] = contextlib.nullcontext(),  # noqa: B008
) -> Iterator[None]:
    """Have a Prefect API and progress bars for the block.

    Args:
        meanwhile: Entered while the API may still be starting.
    """
    with progress_bars():
        report_progress("start", 0, 1, "Prefect API")
        with prefect_api(current_workspace(), meanwhile) as url:
            report_progress("start", 1, 1, url)
            yield


@contextlib.contextmanager
def session_with_workers(n_workers: int | None = None) -> Iterator[None]:
    """Have Dask's workers too, for a block that looks for people in images.

    Args:
        n_workers: Local worker processes; the environment's or the default number if None.
    """
    from flows.runner import workers_ahead

    if n_workers is not None:
        os.environ["POSELIFT_WORKERS"] = str(n_workers)
    with session(workers_ahead()):
        yield
