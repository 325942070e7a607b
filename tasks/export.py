"""Exports of a keypoint store, as Prefect tasks."""

from prefect import task

from pose_lib.files.locations import Location
from pose_lib.formats.coco_json import write_coco
from pose_lib.formats.export_format import ExportFormat
from pose_lib.formats.keypoints_csv import write_csv
from pose_lib.formats.npy_pair import write_npy_pair
from pose_lib.formats.openpose_json import write_openpose
from pose_lib.store import read_keypoints, read_ledger
from pose_lib.store.ledger_csv import LEDGER_FILE, ledger_csv
from tasks.runtime.retries import RETRY_OPTIONS

_WRITERS = {
    ExportFormat.NPY: write_npy_pair,
    ExportFormat.OPENPOSE: write_openpose,
    ExportFormat.COCO: write_coco,
    ExportFormat.CSV: write_csv,
}


@task(name="export-keypoints", task_run_name="export {kind}")
def export_people(store: Location, kind: ExportFormat, folder: Location) -> Location:
    """Write the store's chosen people into the folder in one format; return what was written."""
    return _WRITERS[kind](read_keypoints(store).only_chosen(), folder)


@task(name="log-ledger", **RETRY_OPTIONS)
def log_ledger(store: Location, run_id: str) -> None:
    """Keep what became of every image with the MLflow run of the lifter trained on them.

    A training is asked years later what it was made of; the store may be gone by then. Extraction
    alone logs nothing: its ledger is in the store, to which a copy in MLflow adds no fact, and the
    first contact with MLflow takes seconds, a server, and the patience to wait for one that is
    away. `poselift status --csv` gives the same table.
    """
    from tasks.mlflow_tracking.client import connect  # MLflow takes long to import

    connect().log_text(run_id, ledger_csv(read_ledger(store)), LEDGER_FILE)
