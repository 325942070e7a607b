"""The `poselift evaluate` commands: results against the truth."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.options import (
    Cluster,
    ConfigFile,
    Json,
    LocalOut,
    Model,
    Store,
    Workers,
    pipeline_settings,
)
from flows.console import rounded, say, show_summary, show_table
from flows.session import session, session_with_workers
from tasks.runtime.workspace import current_workspace, make_folder

evaluate_app = typer.Typer(no_args_is_help=True, help="Score results against the truth.")

Predictions = Annotated[
    Path | None, typer.Option(help="Write the 3D poses there.", metavar="OUT.npz")
]

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
    out: LocalOut = Path("keypoint-report"),
    sigmas: Annotated[
        Path | None,
        typer.Option(
            help="Sigmas of the OKS by joint, such as `wrist = 0.062`; COCO's by default.",
            metavar="F.toml",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score a store's people against annotations.

    PCKh@0.5 for MPII's annotations, OKS and average precision for COCO's; with a report that shows
    the worst pictures.
    """
    from tasks.checks import check_keypoint_evaluation

    check_keypoint_evaluation(store, truth, out, images, sigmas)
    with session():
        from flows.evaluate import evaluate_keypoints as evaluate

        scores = evaluate(
            store,
            truth.absolute(),
            out,
            images.absolute() if images else None,
            sigmas.absolute() if sigmas else None,
        )
    if as_json:
        print(json.dumps(scores))
    else:
        _show(scores, f"{store.name} against {truth.name}", out)


@evaluate_app.command("lifter")
def evaluate_lifter(
    truth: Annotated[
        Path,
        typer.Option(
            help="3D truth: an .npz of 2D and 3D, VideoPose3D's data_3d_h36m.npz, or the folder "
            "of MPI-INF-3DHP's test set.",
            metavar="F.npz",
        ),
    ],
    model: Model = "bundled",
    kind: Annotated[Input, typer.Option("--input", help="Which 2D to lift.")] = Input.CLEAN,
    poses2d: Annotated[
        Path | None,
        typer.Option("--poses2d", help="VideoPose3D's 2D, with data_3d_h36m.npz.", metavar="F.npz"),
    ] = None,
    adapt: Annotated[bool, typer.Option(help="Measure bone ratios on the file's own 2D.")] = True,
    predictions: Predictions = None,
    as_json: Json = False,
) -> None:
    """Score a lifter against 3D truth.

    PA-MPJPE without reflection and other errors, in mm.
    """
    from tasks.checks import check_lifter_evaluation

    check_lifter_evaluation(truth, model, poses2d)
    from tasks.evaluate import score_lifter  # imports Prefect and MLflow

    scores = score_lifter(
        truth, model, kind.value, adapt=adapt, poses2d=poses2d, predictions=predictions
    )
    _show_3d(scores, f"{model} on {truth.name}", as_json)


@evaluate_app.command("pixels")
def evaluate_pixels(
    images: Annotated[
        str, typer.Option(help="The pictures: folder, glob or list (.txt).", metavar="DIR")
    ],
    truth: Annotated[Path, typer.Option(help="Who is in them, in 2D and 3D.", metavar="F.npz")],
    model: Model = "bundled",
    store: Annotated[
        Path | None,
        typer.Option(
            help="Store to keep the keypoints in, so that the next lifter is scored without a new "
            "search; not kept by default.",
            metavar="S.zarr",
        ),
    ] = None,
    adapt: Annotated[
        bool, typer.Option(help="Measure bone ratios on the people found, if they are enough.")
    ] = True,
    predictions: Predictions = None,
    worst: Annotated[
        Path | None,
        typer.Option(
            help="Draw the eight people with the largest errors, beside the truth.", metavar="DIR"
        ),
    ] = None,
    config: ConfigFile = None,
    workers: Workers = None,
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Score OpenPose and a lifter together.

    Needs pictures whose people are known in 2D and 3D.
    """
    from tasks.checks import check_pixel_evaluation

    settings = pipeline_settings(config).extract
    check_pixel_evaluation(images, truth, store, model, settings)
    with session_with_workers(workers, cluster), _kept_or_not(store) as keypoints:
        from flows.evaluate import evaluate_pixels as evaluate

        written = predictions.absolute() if predictions else None
        drawn = worst.absolute() if worst else None
        scores, ledger = evaluate(
            images, truth.absolute(), keypoints, model, settings, adapt, written, drawn
        )
    for name, reason in ledger.reasons:
        say(f"{name}: {reason}")
    _show_3d(scores, f"{model} on the pictures of {truth.name}", as_json)


@contextmanager
def _kept_or_not(store: Path | None) -> Iterator[Path]:
    """Give the store that is named, or one for this command alone where all workers see it."""
    if store is not None:
        yield store.absolute()
        return
    home = current_workspace().home
    make_folder(home)
    with tempfile.TemporaryDirectory(prefix="evaluation-", dir=home) as folder:
        yield Path(folder) / "keypoints.zarr"


def _show_3d(scores: dict[str, Any], title: str, as_json: bool) -> None:
    if as_json:
        print(json.dumps(scores))
        return
    plain = {name: value for name, value in scores.items() if not isinstance(value, dict)}
    show_summary(title, {n: "-" if v is None else v for n, v in rounded(plain).items()})
    show_summary("PA-MPJPE by joint, mm", rounded(scores["per_joint"]))
    for grouped_by in ("action", "sequence"):
        if groups := scores.get(f"per_{grouped_by}"):
            print()
            rows = [*groups.items(), ("mean", scores[f"{grouped_by}_mean"])]
            columns = list(scores[f"{grouped_by}_mean"])
            shown = [(name, *(_number(of_one[c]) for c in columns)) for name, of_one in rows]
            show_table((grouped_by, *columns), shown)


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
