"""Command: `evaluate keypoints`, the people in a store against annotated ones."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.console import say, show_summary, show_table
from flows.session import session

_JOINT_COLUMNS = ("annotated", "found", "pckh50", "pckh_auc", "similarity")


def evaluate_keypoints(
    store: Annotated[Path, typer.Argument(help="Keypoint store (zarr).", metavar="S.zarr")],
    truth: Annotated[
        Path,
        typer.Option(
            help="Annotations: COCO keypoints JSON, MPII people as JSON, or MPII's .mat.",
            metavar="F.json",
        ),
    ],
    images: Annotated[
        Path | None,
        typer.Option(
            help="The photographs, if they are no longer where they were extracted from.",
            metavar="DIR",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the report.", metavar="DIR")] = Path(
        "keypoint-report"
    ),
    sigmas: Annotated[
        Path | None,
        typer.Option(
            help="Sigmas of the OKS, `wrist = 0.062`; COCO's by default.", metavar="F.toml"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, nothing else.")
    ] = False,
) -> None:
    """Score the people in a store against annotations: PCKh@0.5 and OKS-AP, with a report."""
    with session():
        from flows.evaluate import evaluate_keypoints as evaluate

        scores = evaluate(
            store.absolute(),
            truth.absolute(),
            out.absolute(),
            images.absolute() if images else None,
            sigmas.absolute() if sigmas else None,
        )
    if as_json:
        print(json.dumps(scores))
    else:
        _show(scores, f"{store.name} against {truth.name}", out)


def _show(scores: dict[str, Any], title: str, out: Path) -> None:
    figures = {name: _number(v) for name, v in scores.items() if isinstance(v, int | float)}
    show_summary(title, figures)
    rows = [
        (joint.replace("_", " "), *(_number(of_joint[name]) for name in _JOINT_COLUMNS))
        for joint, of_joint in scores["per_joint"].items()
    ]
    print()
    show_table(("joint", *_JOINT_COLUMNS), rows)
    show_summary("Report", {"page": out / "report.html", "MLflow run": scores["run_id"]})
    for note in scores["notes"]:
        say(note)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
