"""Arguments and options that several commands take, and the settings they make."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pose_lib.errors import InputError

if TYPE_CHECKING:
    from flows.config import PipelineConfig
    from pose_lib.extract_config import ExtractConfig
    from pose_lib.files.locations import Location
    from pose_lib.person_selection import PersonSelection


def not_empty(text: str) -> str:
    """Refuse an empty text, which would name the current folder: that of a variable not set."""
    if not text.strip():
        raise typer.BadParameter("it is empty; name a file or folder, or `.` for this folder")
    return text


def place(text: str) -> "Location":
    """Return the path that a text names, here or at a URL whose storage answers.

    What commands say is a ``Path`` is a ``UPath`` then, as Typer knows no unions.
    """
    from pose_lib.files.locations import check_storage, location

    try:
        path = location(not_empty(str(text)))  # a default is a path already
        check_storage(path)
    except InputError as error:  # a ValueError, of which Typer would tell the text alone
        raise typer.BadParameter(str(error)) from error
    return path


def local_place(text: str) -> Path:
    """Return the path that a text names on this machine."""
    if "://" in str(text):
        raise typer.BadParameter(f"{text} must be a folder of this machine, not a URL")
    return Path(not_empty(str(text))).absolute()


Images = Annotated[
    str,
    typer.Argument(
        help="Folder (searched to all depths), glob pattern, list of images (.txt), image or "
        "video; or a URL of these, such as s3://bucket/photos.",
        metavar="IMAGES",
        callback=not_empty,
    ),
]
Store = Annotated[
    Path, typer.Argument(help="Keypoint store (zarr).", metavar="S.zarr", parser=place)
]
Out = Annotated[
    Path, typer.Option(help="Folder for the results, or its URL.", metavar="DIR", parser=place)
]
LocalOut = Annotated[
    Path, typer.Option(help="Folder for the results.", metavar="DIR", parser=local_place)
]
Data = Annotated[
    list[Path],
    typer.Argument(
        help="2D poses: keypoint stores, folders that `poselift export` or OpenPose wrote (npy, "
        "JSON), MPII annotations (.mat, .npz).",
        metavar="DATA...",
        parser=place,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="File of settings; `poselift config` prints one with all of them.",
        metavar="F.toml",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Worker processes on this machine; by default one per core, or one where there is a "
        "GPU.",
        metavar="N",
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        help="Where workers run: `local`, a Dask scheduler's address such as tcp://10.0.0.7:8786, "
        "or a TOML file as in deployments/clusters; by default $POSELIFT_CLUSTER, else local.",
        metavar="PLACE",
    ),
]
InputHeight = Annotated[
    int | None,
    typer.Option(
        help="Height in pixels to which images are scaled for OpenPose, a multiple of 16; 368 by "
        "default.",
        metavar="PIXELS",
    ),
]
Select = Annotated[
    str | None,
    typer.Option(
        help="Who in each image is used further on: all (the default), largest, score, central or "
        "annotated.",
        metavar="RULE",
    ),
]
Annotations = Annotated[
    Path | None,
    typer.Option(
        "--annotations",
        help="Annotated people for `--select annotated`: MPII .mat or .npz, COCO JSON.",
        metavar="FILE",
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Delete a store that was made with other settings and begin anew; by default it is "
        "kept and the command refuses.",
    ),
]
MaxFailureRate = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="Share of images that may be unreadable or failed, 0 to 1; 0.05 by default. Above it "
        "the command ends with status 1; all results are kept.",
        metavar="SHARE",
    ),
]
LockTimeout = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Seconds to wait while another run writes to the store; 600 by default, 0 to give up "
        "at once.",
        metavar="SECONDS",
    ),
]
Model = Annotated[
    str,
    typer.Option(
        help="The lifter: `bundled`, a lifter's folder, or MLflow's models:/pose-lifter@champion.",
        metavar="URI",
    ),
]
NPeople = Annotated[
    int | None,
    typer.Option(
        "--people",
        min=0,
        help="How many people to draw, the most complete first; 12 by default. All are lifted.",
        metavar="N",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None, typer.Option(help="Seed of the training; 0 by default.", metavar="N", min=0)
]


def pipeline_settings(
    file: Path | None,
    *,
    train_on: list[Path] | None = None,
    people: int | None = None,
    input_height: int | None = None,
    select: str | None = None,
    annotations: Path | None = None,
    seed: int | None = None,
    max_failure_rate: float | None = None,
    lock_timeout: float | None = None,
) -> "PipelineConfig":
    """Return the file's settings, or the defaults, changed by the options that are given."""
    from flows.config import PipelineConfig
    from pose_lib.config import read_config

    settings = read_config(file, PipelineConfig) if file else PipelineConfig()
    if train_on:
        settings = replace(settings, train_on=tuple(map(str, train_on)))
    if people is not None:
        settings = replace(settings, n_people=people)
    if seed is not None:
        settings = replace(settings, train=replace(settings.train, seed=seed))
    extract = settings.extract
    if input_height is not None:
        extract = _with_input_height(extract, input_height)
    if select is not None or annotations is not None:
        selection = person_selection(select or "annotated", annotations)
        extract = replace(extract, selection=selection)
    return replace(settings, extract=with_limits(extract, max_failure_rate, lock_timeout))


def with_limits(
    extract: "ExtractConfig", max_failure_rate: float | None, lock_timeout: float | None
) -> "ExtractConfig":
    """Return the settings with those of two limits that are given."""
    if max_failure_rate is not None:
        extract = replace(extract, max_failure_rate=max_failure_rate)
    if lock_timeout is not None:
        extract = replace(extract, lock_timeout=lock_timeout)
    return extract


def person_selection(rule: str, annotations: Path | None) -> "PersonSelection":
    """Return the selection of people that the options ask for."""
    from pose_lib.person_selection import PersonSelection

    try:
        return PersonSelection(rule, str(annotations.absolute()) if annotations else None)
    except ValueError as error:
        raise InputError(f"{error} (--select {rule}, --annotations FILE)") from error


def _with_input_height(extract: "ExtractConfig", input_height: int) -> "ExtractConfig":
    try:
        openpose = replace(extract.openpose, input_height=input_height)
    except ValueError as error:
        raise InputError(f"--input-height: {error}") from error
    return replace(extract, openpose=openpose)
