"""Files of how good found keypoints are: all figures as JSON, and a table of the joints."""

import csv
import io
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pose_lib.evaluation.keypoint_report import KeypointReport
from pose_lib.files.atomic_write import write_atomic

SCORES_FILE = "scores.json"
JOINTS_FILE = "per_joint.csv"


def write_scores(report: KeypointReport, folder: Path) -> None:
    """Write ``scores.json`` and ``per_joint.csv``."""
    text = json.dumps(scores_table(report), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(folder / SCORES_FILE, text.encode())
    write_atomic(folder / JOINTS_FILE, _joints_csv(report).encode())


def scores_table(report: KeypointReport) -> dict[str, Any]:
    """Return all figures as plain values, None where the truth does not allow a figure."""
    joints = [_plain(asdict(joint)) for joint in report.per_joint]
    return {
        **_plain(report.figures()),
        "images_missing": list(report.images_missing),
        "per_joint": {joint.pop("joint"): joint for joint in joints},
        "per_image": [
            _plain(
                {
                    "filename": match.filename,
                    "people": len(match.found),
                    "found": int(match.found.sum()),
                    "false_positives": match.false_positives,
                    "pckh50": match.pckh50,
                    "mean_oks": match.mean_oks,
                }
            )
            for match in report.matches
        ],
    }


def _joints_csv(report: KeypointReport) -> str:
    rows = [_plain(asdict(joint)) for joint in report.per_joint]
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with None for NaN, which JSON does not know."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }
