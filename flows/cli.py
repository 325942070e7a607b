"""The `poselift` command: each command runs the flow of its name, with progress bars.

Heavy imports wait inside the commands, so that ``--help`` answers at once.
"""

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from flows.console import progress_bars, say, show_summary, show_table
from flows.services import prefect_api, set_environment
from pose_lib.errors import InputError
from tasks.progress import report_progress
from tasks.workspace import (
    DEFAULT_HOME,
    HOME_VARIABLE,
    current_workspace,
    without_password,
)

if TYPE_CHECKING:
    from flows.config import PipelineConfig
    from flows.pipeline import PipelineResult

BAD_INPUT, INTERRUPTED = 2, 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Photographs in; OpenPose keypoints, a GAN that learned depth from 2D alone, 3D out.",
)
evaluate_app = typer.Typer(no_args_is_help=True, help="Score results against the truth.")
models_app = typer.Typer(no_args_is_help=True, help="The registered lifters.")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(models_app, name="models")


class Export(StrEnum):
    """Formats of ``export --to``."""

    NPY = "npy"
    OPENPOSE = "openpose"
    COCO = "coco"
    CSV = "csv"


class Input(StrEnum):
    """2D input of ``evaluate lifter``."""

    CLEAN = "clean"
    NOISY = "noisy"


Images = Annotated[
    str, typer.Argument(help="Folder (searched to all depths), glob pattern, image or video.")
]
Store = Annotated[Path, typer.Argument(help="Keypoint store (zarr).", metavar="S.zarr")]
Out = Annotated[Path, typer.Option(help="Folder for the results.", metavar="DIR")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="TOML settings; `poselift config` prints all.", metavar="F.toml"),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Local worker processes; one per core by default.")
]
InputHeight = Annotated[
    int | None, typer.Option(help="Height images are scaled to for OpenPose; 368 by default.")
]
Overwrite = Annotated[
    bool, typer.Option(help="Delete keypoints made with other settings instead of refusing.")
]
Model = Annotated[
    str, typer.Option(help="`bundled`, a lifter's folder, or models:/pose-lifter@champion.")
]
NPeople = Annotated[int | None, typer.Option("--people", min=0, help="People to draw in 3D.")]
Seed = Annotated[int | None, typer.Option(help="Seed of the training; 0 by default.")]


@app.command()
def demo(out: Out = Path("poselift-demo"), as_json: Json = False) -> None:
    """Run the whole pipeline on the bundled sample: no arguments, a few minutes."""
    with _session():
        from flows.demo import demo_config, demo_images
        from flows.pipeline import pose_pipeline

        result = pose_pipeline(demo_images(), out.absolute(), demo_config())
    _show_result(result, out, as_json)
    if not as_json:
        print("\nThe lifter trained here saw 2,000 poses for less than a minute: a demo model.")
        print("The figures show it beside the bundled lifter, which is trained on MPII.")


@app.command()
def run(
    images: Images,
    out: Out,
    config: ConfigFile = None,
    train_on: Annotated[
        list[Path] | None, typer.Option(help="More 2D poses to train on; may be repeated.")
    ] = None,
    people: NPeople = None,
    input_height: InputHeight = None,
    seed: Seed = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Extract, export, train, register and render: photographs in, 3D poses out.

    Training needs 100 people with all joints found; give more 2D poses with --train-on, or use
    `poselift lift` for a few photographs. A half-finished run in the same folder goes on.
    """
    settings = _settings(
        config, train_on=train_on, people=people, input_height=input_height, seed=seed
    )
    with _session(workers):
        from flows.pipeline import pose_pipeline

        result = pose_pipeline(images, out.absolute(), settings, overwrite)
    _show_result(result, out, as_json)


@app.command()
def extract(
    images: Images,
    store: Annotated[Path, typer.Option(help="Keypoint store to make or go on with.")],
    overlays: Annotated[
        Path | None, typer.Option(help="Folder for the images with skeletons drawn over.")
    ] = None,
    config: ConfigFile = None,
    input_height: InputHeight = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Find the people in images with OpenPose; run again to go on or to take in new images."""
    settings = _settings(config, input_height=input_height).extract
    with _session(workers):
        from flows.extract import extract_keypoints

        drawn = overlays.absolute() if overlays else None
        ledger = extract_keypoints(images, store.absolute(), settings, drawn, overwrite)
    _show(f"{store}", {"images": ledger.images, "people": ledger.people} | ledger.counts, as_json)
    if not as_json:
        _show_faults(ledger.reasons)


@app.command()
def export(
    store: Store,
    to: Annotated[Export, typer.Option(help="The other program's format.")],
    out: Out,
    as_json: Json = False,
) -> None:
    """Write the people of a store in another format."""
    with _session():
        from flows.pipeline import export_keypoints
        from tasks.export import ExportFormat

        written = export_keypoints(store.absolute(), out.absolute(), ExportFormat(to.value))
    _show("Exported", {"format": to.value, "written": str(written)}, as_json)


@app.command()
def status(
    store: Store,
    as_json: Json = False,
    failed: Annotated[bool, typer.Option(help="List the images that gave nothing.")] = False,
) -> None:
    """Show what became of every image: counts by status, and reasons."""
    from pose_lib.formats.keypoint_store import read_keypoints
    from tasks.extract import ledger_of

    keypoints = read_keypoints(store)
    ledger = ledger_of(keypoints, n_reasons=keypoints.n_images if failed or as_json else 20)
    counts = {"images": ledger.images, "people": ledger.people} | ledger.counts
    if as_json:
        faults = [{"filename": name, "reason": reason} for name, reason in ledger.reasons]
        print(json.dumps(counts | {"reasons": faults}))
        return
    show_summary(f"{store}", counts)
    _show_faults(ledger.reasons)


@app.command()
def train(
    data: Annotated[
        list[Path],
        typer.Argument(help="Stores, folders of npy pairs or OpenPose JSON, MPII .mat or .npz."),
    ],
    config: ConfigFile = None,
    seed: Seed = None,
    as_json: Json = False,
) -> None:
    """Train the GAN and its lifter on 2D poses alone; the lifter becomes the champion.

    An interrupted training goes on from its checkpoint.
    """
    settings = _settings(config, seed=seed).train
    with _session():
        from flows.train import train as train_flow

        trained = train_flow([path.absolute() for path in data], settings)
    _show("Trained", asdict(trained), as_json)


@app.command()
def lift(
    source: Annotated[
        str,
        typer.Argument(
            help="Photo, folder, glob, video, store, or OpenPose JSON (file or folder).",
            metavar="INPUT",
        ),
    ],
    out: Out,
    model: Model = "bundled",
    people: NPeople = 12,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Go from photographs, or keypoints, to 3D poses with a trained lifter."""
    path, n_people = Path(source).absolute(), people or 0
    with _session(workers):
        from flows.render import lift_images, lift_openpose, render_poses
        from pose_lib.formats.keypoint_store import is_store
        from pose_lib.formats.openpose_json import holds_openpose

        if path.suffix == ".zarr" or is_store(path):
            rendered = render_poses(path, out.absolute() / "poses", model, n_people)
        elif holds_openpose(path):
            rendered = lift_openpose(path, out.absolute(), model, n_people)
        else:
            rendered = lift_images(source, out.absolute(), model, n_people)
    _show("3D poses", asdict(rendered), as_json)


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
    show_summary(f"{model} on {truth.name}", _rounded(scores))
    show_summary("PA-MPJPE by joint, mm", _rounded(per_joint))


@models_app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the registered lifters, newest first."""
    from tasks.registry import as_table, list_lifters

    rows = as_table(list_lifters())
    if as_json:
        print(json.dumps({"models": rows}))
        return
    cells = [(row["uri"], ", ".join(row["aliases"]), row["run_id"]) for row in rows]
    show_table(("model", "aliases", "MLflow run"), [("bundled", "", ""), *cells])


@models_app.command()
def promote(version: Annotated[int, typer.Argument(help="Version number.")]) -> None:
    """Make a version the champion."""
    from tasks.registry import promote as promote_version

    print(f"champion: {promote_version(version).uri}")


@models_app.command()
def rollback() -> None:
    """Make the version before the champion the champion."""
    from tasks.registry import rollback as roll_back

    print(f"champion: {roll_back().uri}")


@app.command("config")
def show_config() -> None:
    """Print a TOML file with every setting of `run`, its default and what it does."""
    from flows.config import PipelineConfig
    from pose_lib.config import config_toml

    print(config_toml(PipelineConfig()), end="")


@app.command()
def ui(
    prefect_port: Annotated[int, typer.Option(help="Port of the Prefect pages.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow pages.")] = 5000,
) -> None:
    """Serve the Prefect and MLflow pages of this working folder until Ctrl-C."""
    from flows.services import announced, mlflow_server, prefect_server

    workspace = current_workspace()
    with (
        prefect_server(workspace, prefect_port) as api,
        mlflow_server(workspace, mlflow_port) as mlflow,
        announced(api, workspace),
    ):
        say(f"Prefect  {api.removesuffix('/api')}\nMLflow   {mlflow}\nCtrl-C ends both")
        with contextlib.suppress(KeyboardInterrupt):
            _wait_for_ever()


@app.callback()
def _options(
    home: Annotated[
        Path | None,
        typer.Option(help="Working folder; $POSELIFT_HOME, else .poselift here.", metavar="DIR"),
    ] = None,
) -> None:
    if home is not None:
        os.environ[HOME_VARIABLE] = str(home.absolute())
    set_environment(current_workspace())


def main() -> None:
    """Run the command line: 0 on success, 1 on a failed run, 2 on wrong usage or bad input."""
    try:
        status = app(standalone_mode=False, prog_name="poselift")
    except InputError as error:
        _end(str(error), BAD_INPUT)
    except typer.TyperException as error:
        _end(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except Exception as error:
        if os.environ.get("POSELIFT_DEBUG"):
            traceback.print_exc()
        reason = without_password(" ".join(f"{type(error).__name__}: {error}".split()))
        _end(f"failed: {reason} (POSELIFT_DEBUG=1 shows more)", 1)
    if status == INTERRUPTED:  # which Typer returns for Ctrl-C inside a command
        _end("interrupted; run the same command again to go on", INTERRUPTED)
    sys.exit(status)


@contextlib.contextmanager
def _session(workers: int | None = None) -> Iterator[None]:
    """Have a Prefect API and progress bars for the block."""
    if workers is not None:
        os.environ["POSELIFT_WORKERS"] = str(workers)
    with progress_bars():
        report_progress("start", 0, 1, "Prefect API")
        with prefect_api(current_workspace()) as url:
            report_progress("start", 1, 1, url)
            yield


def _settings(
    file: Path | None,
    *,
    train_on: list[Path] | None = None,
    people: int | None = None,
    input_height: int | None = None,
    seed: int | None = None,
) -> "PipelineConfig":
    """Return the file's settings, or the defaults, changed by the options that are given."""
    from flows.config import PipelineConfig
    from pose_lib.config import read_config

    settings = read_config(file, PipelineConfig) if file else PipelineConfig()
    if train_on:
        settings = replace(settings, train_on=tuple(str(path.absolute()) for path in train_on))
    if people is not None:
        settings = replace(settings, n_people=people)
    if seed is not None:
        settings = replace(settings, train=replace(settings.train, seed=seed))
    if input_height is not None:
        try:
            openpose = replace(settings.extract.openpose, input_height=input_height)
        except ValueError as error:
            raise InputError(f"--input-height: {error}") from error
        settings = replace(settings, extract=replace(settings.extract, openpose=openpose))
    return settings


def _show_result(result: "PipelineResult", out: Path, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(result), default=str))
        return
    ledger, trained = result.ledger, result.trained
    gan = {name: value for name, value in trained.losses.items() if name.startswith("gan_1/")}
    show_summary(
        "Done",
        {
            "images": f"{ledger.images} ({_counted(ledger.counts)})",
            "people found": ledger.people,
            "trained on": f"{trained.people} 2D poses in {trained.seconds:.0f} s",
            "GAN at its end": _counted(_rounded(gan)).replace("gan_1/", ""),
            "registered": f"{trained.model_uri}, alias champion",
            "keypoints": out / "keypoints.zarr",
            "3D pictures": out / "poses",
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


def _show(title: str, values: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(values, default=str))
    else:
        show_summary(title, values)


def _show_faults(reasons: tuple[tuple[str, str], ...]) -> None:
    if reasons:
        show_summary("Images that could not be used", dict(reasons))


def _counted(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value)


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in values.items()
    }


def _wait_for_ever() -> None:
    import threading

    threading.Event().wait()


def _end(message: str, status: int) -> NoReturn:
    print(f"poselift: {message}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
