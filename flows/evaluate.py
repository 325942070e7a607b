"""Flows: how good found people are against annotated ones, in 2D and, lifted, in 3D."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import flow

from flows.extract import extract_keypoints
from flows.parameters import ExtractSettings
from pose_lib.extract_config import ExtractConfig
from pose_lib.files.locations import Location
from tasks.artifacts import show_report
from tasks.checks import check_keypoint_evaluation
from tasks.evaluate import check_truth, score_pictures
from tasks.evaluate_keypoints import facts, log_evaluation, score_store
from tasks.extract import LedgerCounts
from tasks.render import check_model


@flow(name="evaluate-keypoints", flow_run_name="evaluate {store}")
def evaluate_keypoints(
    store: Location,
    truth: Path,
    out: Path,
    images: Path | None = None,
    sigmas: Path | None = None,
) -> dict[str, Any]:
    """Score the people in a store by PCKh and OKS; the report goes to disk, MLflow and this page.

    Args:
        store: Keypoint store.
        truth: Annotations: MPII's .mat, or JSON of MPII people or COCO keypoints.
        out: Folder for the report.
        images: Folder of the photographs, where the store's own is not at hand.
        sigmas: TOML file of COCO's sigmas to change.

    Returns:
        All figures, None where the annotations do not allow one.
    """
    check_keypoint_evaluation(store, truth, out, images, sigmas)
    scores, pictures = score_store(store, truth, out, images, sigmas)
    run_id = log_evaluation(scores, store, truth, out)
    rows = facts(scores) | {"MLflow run": run_id, "report": scores["report"]}
    show_report(
        rows, scores["notes"], pictures, key="keypoints", title=f"{store.name} against {truth.name}"
    )
    return {**scores, "run_id": run_id}


@flow(name="evaluate-pixels", flow_run_name="evaluate {model} on {images}")
def evaluate_pixels(
    images: str,
    truth: Path,
    store: Location,
    model: str = "bundled",
    config: ExtractSettings = ExtractConfig(),  # noqa: B008 - frozen
    adapt: bool = True,
    predictions: Path | None = None,
    worst: Path | None = None,
) -> tuple[dict[str, Any], LedgerCounts]:
    """Score OpenPose and a lifter together, on pictures whose people are known in 3D.

    Args:
        images: Folder, glob pattern or list of images.
        truth: Who is in them, an npz file.
        store: Keypoint store to make or to go on with; another lifter needs no new search.
        model: ``bundled``, a lifter's folder, or an MLflow URI.
        adapt: Measure bone ratios on the people found, if they are enough.
        predictions: Where to write the lifted poses, if anywhere.
        worst: Folder for figures of the people that the lifter got most wrong, if any.

    Returns:
        The figures, and what became of the images.
    """
    check_truth(images, truth)
    check_model(model)
    # However many cannot be read: people in them count as not found.
    ledger = extract_keypoints(images, store, replace(config, max_failure_rate=1.0))
    scores = score_pictures(store, truth, model, adapt=adapt, predictions=predictions, worst=worst)
    return scores, ledger
