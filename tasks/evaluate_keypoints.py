"""Scoring the people of a store against annotations, as Prefect tasks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow
from matplotlib.figure import Figure
from prefect import task

from pose_lib.datasets.annotation_files import read_keypoint_truth
from pose_lib.errors import InputError
from pose_lib.evaluation.keypoint_metrics import COCO_SIGMAS
from pose_lib.evaluation.keypoint_report import KeypointReport, score_keypoints
from pose_lib.evaluation.scores_json import (
    JOINTS_FILE,
    SCORES_FILE,
    scores_table,
    write_scores,
)
from pose_lib.evaluation.sigmas_toml import read_sigmas
from pose_lib.files.atomic_write import write_atomic
from pose_lib.files.locations import Location
from pose_lib.images.decode import UnreadableImage
from pose_lib.images.find import find_images, mark_output
from pose_lib.images.match_names import match_names
from pose_lib.images.source import ImageSource
from pose_lib.plots.figures import png_bytes
from pose_lib.plots.gallery import Picture as Photograph
from pose_lib.plots.gallery import ReadPicture
from pose_lib.plots.keypoint_page import (
    FIGURES,
    report_figures,
    report_notes,
    report_page,
    worst_sheets,
)
from pose_lib.store import (
    read_image_root,
    read_keypoints,
    read_provenance,
)
from tasks.artifacts import MAX_PICTURE_BYTES, Picture
from tasks.mlflow_tracking.client import tracked_run
from tasks.runtime.progress import report_progress
from tasks.runtime.retries import RETRY_OPTIONS

EXPERIMENT = "keypoint-evaluation"
STAGE = "evaluation"
REPORT_FILE = "report.html"
_ON_THE_PAGE = 3
"""Of the worst images to a picture on the run's page: as many as stay clear in its few bytes."""
_NO_PHOTOGRAPHS = (
    "No worst pictures are shown: there is none, or the photographs are not where the store says "
    "(--images names their folder)."
)


@task(name="score-keypoints", task_run_name="score {store}")
def score_store(
    store: Location, truth: Path, folder: Path, images: Path | None, sigmas: Path | None
) -> tuple[dict[str, Any], list[Picture]]:
    """Compare the store's people with the annotated ones and write the report into ``folder``.

    Args:
        images: Where the photographs are; where the store says by default.
        sigmas: TOML file of sigmas; COCO's by default.

    Returns:
        All figures, and pictures for the run's page.
    """
    report_progress(STAGE, 0, 3)
    keypoints = read_keypoints(store)
    read = _reader(store, keypoints.filename, images)
    known = COCO_SIGMAS if sigmas is None else read_sigmas(sigmas)
    report = score_keypoints(keypoints, read_keypoint_truth(truth), sigmas=known)
    report_progress(STAGE, 1, 3)

    figures, notes = report_figures(report, keypoints, read), report_notes(report)
    if "worst" not in figures:
        notes.append(_NO_PHOTOGRAPHS)
    report_progress(STAGE, 2, 3)
    _write(report, figures, notes, folder, f"{store.name} against {truth.name}")
    sheets = worst_sheets(report, keypoints, read, per_sheet=_ON_THE_PAGE)
    named = [(FIGURES[name], figure) for name, figure in figures.items() if name != "worst"]
    pictures = [
        Picture(line, png_bytes(figure, max_bytes=MAX_PICTURE_BYTES))
        for line, figure in (*named, *((FIGURES["worst"], sheet) for sheet in sheets))
    ]
    report_progress(STAGE, 3, 3)
    return {**scores_table(report), "notes": notes, "report": str(folder / REPORT_FILE)}, pictures


@task(name="log-evaluation", **RETRY_OPTIONS)
def log_evaluation(scores: dict[str, Any], store: Location, truth: Path, folder: Path) -> str:
    """Keep the figures and the report in an MLflow run of its own; return the run's id."""
    origin = read_provenance(store)
    with tracked_run(f"{store.name} {truth.name}", experiment=EXPERIMENT) as run:
        mlflow.log_params(
            {
                "store": store.name,
                "truth": truth.name,
                "skeleton": origin.skeleton,
                "weights": origin.weights,
            }
        )
        mlflow.log_dict(dict(origin.config), "detector.json")
        mlflow.log_metrics(_metrics(scores))
        for name in (REPORT_FILE, SCORES_FILE, JOINTS_FILE, *(f"{name}.png" for name in FIGURES)):
            if (folder / name).is_file():
                mlflow.log_artifact(str(folder / name))
        return str(run.info.run_id)


def facts(scores: dict[str, Any]) -> dict[str, str]:
    """Return the figures as a table shows them: those the annotations allow."""
    return {
        name: f"{value:.3f}" if isinstance(value, float) else str(value)
        for name, value in scores.items()
        if isinstance(value, int | float)
    }


def _metrics(scores: dict[str, Any]) -> dict[str, float]:
    metrics = {name: value for name, value in scores.items() if isinstance(value, int | float)}
    for joint, of_joint in scores["per_joint"].items():
        for name in ("pckh50", "similarity"):
            if of_joint[name] is not None:
                metrics[f"{name}/{joint}"] = of_joint[name]
    return metrics


def _reader(store: Location, names: Sequence[str], images: Path | None) -> ReadPicture:
    """Return what reads an image by its name in the store, from where it is now."""
    root, place_of = read_image_root(store), dict(zip(names, names, strict=True))
    if images is not None:
        source = find_images(images)
        root, place_of = source.root, _places(names, source.names, images)

    def read(name: str) -> Photograph | None:
        if root is None or name not in place_of:
            return None
        try:
            return ImageSource(root, (place_of[name],)).read(place_of[name])
        except UnreadableImage:
            return None

    return read


def _places(names: Sequence[str], there: Sequence[str], images: Path) -> dict[str, str]:
    rows = dict(zip(names, match_names(names, there), strict=True))
    places = {name: there[row] for name, row in rows.items() if row is not None}
    if not places:
        raise InputError(f"none of the store's images (first: {names[0]}) is in {images}")
    return places


def _write(
    report: KeypointReport,
    figures: dict[str, Figure],
    notes: list[str],
    folder: Path,
    title: str,
) -> None:
    """Write figures, page and numbers; take away a figure of an earlier report that this lacks."""
    mark_output(folder)
    pictures = {name: png_bytes(figure) for name, figure in figures.items()}
    for name in FIGURES:
        if name in pictures:
            write_atomic(folder / f"{name}.png", pictures[name])
        else:
            (folder / f"{name}.png").unlink(missing_ok=True)
    write_scores(report, folder)
    page = report_page(report, title, notes, pictures)
    write_atomic(folder / REPORT_FILE, page.encode())
