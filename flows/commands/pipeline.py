"""The commands of the pipeline's own work, from photographs to 3D poses."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import (
    Annotations,
    Cluster,
    ConfigFile,
    Data,
    Images,
    InputHeight,
    Json,
    LockTimeout,
    MaxFailureRate,
    Model,
    NPeople,
    Out,
    Overwrite,
    Seed,
    Select,
    Store,
    Workers,
    not_empty,
    pipeline_settings,
    place,
)
from flows.console import rounded, show_summary, show_values
from flows.session import session, session_with_workers
from pose_lib.formats.export_format import ExportFormat
from tasks.runtime.workspace import DEFAULT_HOME, current_workspace

if TYPE_CHECKING:
    from flows.pipeline import PipelineResult
    from tasks.render import Rendered
    from tasks.train import TrainedLifter

POSES_3D = "poses3d.npz"


def demo(out: Out = Path("poselift-demo"), as_json: Json = False) -> None:
    """Try the whole pipeline on the bundled sample.

    It needs no data and takes a few minutes: people are found in 16 images, a small lifter is
    trained, and what it makes of them is drawn.
    """
    with session_with_workers():
        from flows.demo import demo_config, demo_images
        from flows.pipeline import pose_pipeline

        result = pose_pipeline(demo_images(), out, demo_config())
    _show_result(result, out, as_json)
    if not as_json:
        print("\nThe lifter trained here saw 2,000 poses for less than a minute: a demo model.")
        print("The figures show it beside the bundled lifter, which learned from MPII and CMU.")


def run(
    images: Images,
    out: Out,
    config: ConfigFile = None,
    train_on: Annotated[
        list[Path] | None,
        typer.Option(
            help="More 2D poses to train on; may be repeated.", metavar="DATA", parser=place
        ),
    ] = None,
    people: NPeople = None,
    input_height: InputHeight = None,
    select: Select = None,
    annotations: Annotations = None,
    seed: Seed = None,
    max_failure_rate: MaxFailureRate = None,
    lock_timeout: LockTimeout = None,
    workers: Workers = None,
    cluster: Cluster = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Go all the way from photographs to 3D poses.

    Finds the people, exports them, trains a lifter on them, registers it in MLflow and draws the
    3D poses. Training needs 100 people with all joints found: for fewer, give more 2D poses with
    --train-on, or use `poselift lift`, which trains nothing. Run it again to go on with a run that
    was interrupted, or to take in new images.
    """
    settings = pipeline_settings(
        config,
        train_on=train_on,
        people=people,
        input_height=input_height,
        select=select,
        annotations=annotations,
        seed=seed,
        max_failure_rate=max_failure_rate,
        lock_timeout=lock_timeout,
    )
    from flows.config import check_pipeline

    check_pipeline(images, out, settings, overwrite=overwrite)
    with session_with_workers(workers, cluster):
        from flows.pipeline import pose_pipeline

        result = pose_pipeline(images, out, settings, overwrite)
    _show_result(result, out, as_json)


def extract(
    images: Images,
    store: Annotated[
        Path,
        typer.Option(help="Keypoint store to make or go on with.", metavar="S.zarr", parser=place),
    ],
    overlays: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the images with skeletons drawn over.", metavar="DIR", parser=place
        ),
    ] = None,
    config: ConfigFile = None,
    input_height: InputHeight = None,
    select: Select = None,
    annotations: Annotations = None,
    max_failure_rate: MaxFailureRate = None,
    lock_timeout: LockTimeout = None,
    workers: Workers = None,
    cluster: Cluster = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Find the people in images with OpenPose.

    Run it again to go on after an interruption, or to take in new, changed and removed images.
    """
    settings = pipeline_settings(
        config,
        input_height=input_height,
        select=select,
        annotations=annotations,
        max_failure_rate=max_failure_rate,
        lock_timeout=lock_timeout,
    ).extract
    from tasks.checks import check_extraction

    check_extraction(images, store, settings, overlays, overwrite=overwrite)
    with session_with_workers(workers, cluster):
        from flows.extract import extract_keypoints

        ledger = extract_keypoints(images, store, settings, overlays, overwrite)
    show_values(
        f"{store}", {"images": ledger.images, "people": ledger.people} | ledger.counts, as_json
    )
    if not as_json:
        _show_faults(ledger.reasons)


def export(
    store: Store,
    to: Annotated[ExportFormat, typer.Option(help="The other program's format.")],
    out: Out,
    as_json: Json = False,
) -> None:
    """Write the people of a store in another format.

    npy: keypoints.npy, filenames.npy and joints.txt. openpose: a JSON file for each image. coco:
    coco_results.json and coco_images.json. csv: keypoints.csv, a row for each joint.
    """
    from tasks.checks import check_export

    check_export(store, out)
    with session():
        from flows.pipeline import export_keypoints

        written = export_keypoints(store, out, to)
    show_values("Exported", {"format": to.value, "written": str(written)}, as_json)


def train(
    data: Data,
    config: ConfigFile = None,
    seed: Seed = None,
    again: Annotated[
        bool, typer.Option("--again", help="Train anew what is trained and registered already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a lifter on 2D poses alone.

    First a GAN, then the lifter that learns from it; MLflow registers it as pose-lifter with the
    alias champion. An interrupted training goes on from its checkpoint; a finished one of the
    same data and settings is not trained again.
    """
    settings = pipeline_settings(config, seed=seed).train
    from tasks.checks import check_training

    check_training(data)
    with session():
        from flows.train import train as train_flow

        trained = train_flow(data, settings, again)
    _show_trained(trained, as_json)


def lift(
    source: Annotated[
        str,
        typer.Argument(
            help="Photo, folder, glob, list, video, store, or OpenPose JSON (file or folder).",
            metavar="INPUT",
            callback=not_empty,
        ),
    ],
    out: Out,
    model: Model = "bundled",
    people: NPeople = 12,
    config: ConfigFile = None,
    workers: Workers = None,
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Lift photographs, a video or keypoints to 3D poses.

    Uses a lifter that is trained already; nothing is trained. Results are in DIR/poses.
    """
    from pose_lib.formats.openpose_json import holds_openpose
    from pose_lib.store import is_store
    from tasks.checks import check_export, check_extraction, check_openpose
    from tasks.mlflow_tracking.model_uri import check_model

    path, n_people = place(source), people or 0
    settings = pipeline_settings(config).extract
    check_model(model)
    if path.suffix == ".zarr" or is_store(path):
        check_export(path, out / "poses")
        with session():
            from flows.render import render_poses

            rendered = render_poses(path, out / "poses", model, n_people)
    elif isinstance(path, Path) and holds_openpose(path):
        check_openpose(path, out)
        with session():
            from flows.render import lift_openpose

            rendered = lift_openpose(path, out, model, n_people)
    else:
        check_extraction(source, out / "keypoints.zarr", settings)
        with session_with_workers(workers, cluster):
            from flows.render import lift_images

            rendered = lift_images(source, out, model, n_people, settings)
    _show_rendered(rendered, as_json)


def _show_rendered(rendered: "Rendered", as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(rendered), default=str))
        return
    folder = rendered.folder
    too_few = f" (too few joints; why each, by `refused` in {POSES_3D})" if rendered.refused else ""
    show_summary(
        "3D poses",
        {
            "people lifted": rendered.lifted,
            "not lifted": f"{rendered.refused}{too_few}",
            "drawn": rendered.shown,
            "3D poses": folder / POSES_3D,
            "all at a glance": folder / "overview.png",
            "to turn by hand": folder / "viewer.html",
        },
    )


def _show_trained(trained: "TrainedLifter", as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(trained), default=str))
        return
    took = "by an earlier run" if trained.reused else f"in {trained.seconds:.0f} s"
    stages = dict.fromkeys(name.partition("/")[0] for name in trained.losses)
    show_summary(
        "Trained",
        {
            "registered": f"{trained.model_uri}, alias champion",
            "trained on": f"{trained.people} 2D poses {took}",
            **{f"{stage.replace('_', ' ')} ended at": _end_of(stage, trained) for stage in stages},
            "to use it": f"{_command()} lift photo.jpg --model {trained.model_uri}",
            "Prefect, MLflow": f"{_command()} ui   serves the pages of this run",
        },
    )


def _end_of(stage: str, trained: "TrainedLifter") -> str:
    """Return the last losses of a stage of a training."""
    losses = {
        name.partition("/")[2]: value
        for name, value in trained.losses.items()
        if name.startswith(f"{stage}/")
    }
    return _counted(rounded(losses))


def _show_result(result: "PipelineResult", out: Path, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(result), default=str))
        return
    ledger, trained = result.ledger, result.trained
    show_summary(
        "Done",
        {
            "images": f"{ledger.images} ({_counted(ledger.counts)})",
            "people found": ledger.people,
            "trained on": f"{trained.people} 2D poses in {trained.seconds:.0f} s",
            "GAN at its end": _end_of("gan_1", trained),
            "registered": f"{trained.model_uri}, alias champion",
            "keypoints": out / "keypoints.zarr",
            "people lifted": f"{result.rendered.lifted}, {result.rendered.refused} not",
            "3D poses": out / "poses" / POSES_3D,
            "all at a glance": out / "poses" / "overview.png",
            "to turn by hand": out / "poses" / "viewer.html",
            "Prefect, MLflow": f"{_command()} ui   serves the pages of this run",
        },
    )
    _show_faults(ledger.reasons)


def _command() -> str:
    """Return how this program was called, with the working folder where it is not the usual one."""
    home = current_workspace().home
    usual = home == DEFAULT_HOME.absolute()
    return sys.argv[0] if usual else f"{sys.argv[0]} --home {home}"


def _show_faults(reasons: tuple[tuple[str, str], ...]) -> None:
    if reasons:
        show_summary("Images that could not be used", dict(reasons))


def _counted(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value)
