"""Keypoints as one CSV table, for spreadsheets and data frames."""

import csv
import io

from pose_lib.files.atomic_write import write_atomic
from pose_lib.files.locations import Location
from pose_lib.files.safe_names import spreadsheet_name
from pose_lib.formats.float32_text import shortest_repr
from pose_lib.keypoints import Keypoints

COLUMNS = ("filename", "person", "joint", "x", "y", "confidence")
CSV_FILE = "keypoints.csv"


def write_csv(keypoints: Keypoints, folder: Location) -> Location:
    """Write ``keypoints.csv``, a row for every person and joint; return its path.

    ``person`` counts from 0 within the image; x and y are empty where the joint was not found.
    A name that a spreadsheet would take for a formula gets ``./`` before it.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for row, name in enumerate(keypoints.filename):
        for person, xyc in enumerate(keypoints.people(row).keypoints):
            for joint, (x, y, c) in zip(keypoints.skeleton.joints, shortest_repr(xyc), strict=True):
                xy = (x, y) if c > 0 else ("", "")
                table.writerow([spreadsheet_name(name), person, joint, *xy, c])
    write_atomic(folder / CSV_FILE, text.getvalue().encode())
    return folder / CSV_FILE
