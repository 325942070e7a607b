"""Flow: how good the people in a store are against annotated ones."""

from pathlib import Path
from typing import Any

from prefect import flow

from tasks.artifacts import show_report
from tasks.evaluate_keypoints import facts, log_evaluation, score_store


@flow(name="evaluate-keypoints", flow_run_name="evaluate {store}")
def evaluate_keypoints(
    store: Path,
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
    scores, pictures = score_store(store, truth, out, images, sigmas)
    run_id = log_evaluation(scores, store, truth, out)
    rows = facts(scores) | {"MLflow run": run_id, "report": scores["report"]}
    show_report(
        rows, scores["notes"], pictures, key="keypoints", title=f"{store.name} against {truth.name}"
    )
    return {**scores, "run_id": run_id}
