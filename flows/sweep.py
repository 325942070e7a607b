"""Flow: the same training under varied settings, side by side on the workers."""

from collections.abc import Sequence
from pathlib import Path

from prefect import flow, unmapped
from prefect.futures import as_completed

from flows.cluster.runner import dask_runner
from pose_lib.files.locations import Location
from pose_lib.lifting.training.sweep import Outcome
from tasks.runtime.progress import report_progress
from tasks.sweep import plan_sweep, report_sweep, run_trial, tracked_sweep


@flow(name="sweep", flow_run_name="sweep {file}", task_runner=dask_runner())
def sweep(
    file: Path,
    data: Sequence[Location],
    truth: Path | None = None,
    seeds: Sequence[int] | None = None,
    out: Path | None = None,
) -> tuple[Outcome, ...]:
    """Train each variant with each seed, and compare them; a sweep cut short goes on.

    The lifters are kept in MLflow, and none is registered.

    Args:
        file: TOML file with the variants.
        data: Keypoint stores, folders of an npy pair or of OpenPose JSON, or MPII annotations.
        truth: 3D truth to score the lifters against.
        seeds: In place of the file's.
        out: Folder for table and figure, beside MLflow.
    """
    planned = plan_sweep(file, data, truth, seeds)
    with tracked_sweep(planned) as run_id:
        trials = planned.sweep.trials
        pending = run_trial.map(trials, unmapped(list(data)), unmapped(truth), unmapped(run_id))
        for done, finished in enumerate(as_completed(list(pending))):
            report_progress("sweep", done + 1, len(trials), finished.result().trial.name)
        outcomes = pending.result()
        report_sweep(outcomes, planned.name, out)
    return tuple(outcomes)
