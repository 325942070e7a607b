"""Exports of a keypoint store, as Prefect tasks."""

from enum import StrEnum

from prefect import task

from pose_lib.formats.coco_json import write_coco
from pose_lib.formats.csv_table import write_csv
from pose_lib.formats.keypoint_store import read_keypoints
from pose_lib.formats.locations import Location
from pose_lib.formats.npy_pair import write_npy_pair
from pose_lib.formats.openpose_json import write_openpose


class ExportFormat(StrEnum):
    """What other programs read."""

    NPY = "npy"
    OPENPOSE = "openpose"
    COCO = "coco"
    CSV = "csv"


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
