"""The `poselift evaluate` commands: results against the truth."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.options import Json, Model, Store
from flows.console import rounded, say, show_summary, show_table
from flows.session import session

evaluate_app = typer.Typer(no_args_is_help=True, help="Score results against the truth.")

_JOINT_COLUMNS = ("annotated", "found", "pckh50", "pckh_auc", "similarity")


class Input(StrEnum):
    """2D input of ``evaluate lifter``."""

    CLEAN = "clean"
    NOISY = "noisy"


@evaluate_app.command("keypoints")
def evaluate_keypoints(
    store: Store,
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
    as_json: Json = False,
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


@evaluate_app.command("lifter")
def evaluate_lifter(
    truth: Annotated[Path, typer.Option(help="3D truth.", metavar="F.npz")],
    model: Model = "bundled",
    kind: Annotated[Input, typer.Option("--input", help="Which 2D to lift.")] = Input.CLEAN,
    adapt: Annotated[bool, typer.Option(help="Measure bone ratios on the file's own 2D.")] = True,
    predictions: Annotated[
        Path | None, typer.Option(help="Write the 3D poses there.", metavar="OUT.npz")
    ] = None,
    as_json: Json = False,
) -> None:
    """Score a lifter against 3D truth: PA-MPJPE without reflection and more, in mm."""
    from tasks.evaluate import score_lifter

    scores = score_lifter(truth, model, kind.value, adapt=adapt, predictions=predictions)
    if as_json:
        print(json.dumps(scores))
        return
    per_joint = scores.pop("per_joint")
    show_summary(f"{model} on {truth.name}", rounded(scores))
    show_summary("PA-MPJPE by joint, mm", rounded(per_joint))


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
