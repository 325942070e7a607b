"""What surrounds a command that runs a flow: a Prefect API and progress bars."""

import contextlib
import os
from collections.abc import Iterator

from flows.console import progress_bars
from flows.services import prefect_api
from tasks.progress import report_progress
from tasks.workspace import current_workspace


@contextlib.contextmanager
def session(workers: int | None = None) -> Iterator[None]:
    """Have a Prefect API and progress bars for the block."""
    if workers is not None:
        os.environ["POSELIFT_WORKERS"] = str(workers)
    with progress_bars():
        report_progress("start", 0, 1, "Prefect API")
        with prefect_api(current_workspace()) as url:
            report_progress("start", 1, 1, url)
            yield
