"""Arguments and options that several commands take, and the settings they make."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pose_lib.errors import InputError

if TYPE_CHECKING:
    from flows.config import PipelineConfig
    from pose_lib.extraction import ExtractConfig
    from pose_lib.formats.locations import Location
    from pose_lib.person_choice import PersonChoice


def place(text: str) -> "Location":
    """Return the path that a text names, here or at a URL whose storage answers.

    What commands say is a ``Path`` is a ``UPath`` then, as Typer knows no unions.
    """
    from pose_lib.formats.locations import check_storage, location

    try:
        path = location(text)
        check_storage(path)
    except InputError as error:  # a ValueError, of which Typer would tell the text alone
        raise typer.BadParameter(str(error)) from error
    return path


def local_place(text: str) -> Path:
    """Return the path that a text names on this machine."""
    if "://" in str(text):
        raise typer.BadParameter(f"{text} must be a folder of this machine, not a URL")
    return Path(text).absolute()


Images = Annotated[
    str,
    typer.Argument(
        help="Folder (searched to all depths), glob pattern, list of images (.txt), image or "
        "video; or a URL of these, such as s3://bucket/photos."
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
        help="Stores, folders of npy pairs or OpenPose JSON, MPII .mat or .npz.", parser=place
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="TOML settings; `poselift config` prints all.", metavar="F.toml"),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, help="Local worker processes; by default one per core, or one where there is a GPU."
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        help="Where workers run: `local`, a Dask scheduler's address, or a TOML file as in "
        "deployments/clusters; $POSELIFT_CLUSTER, else local.",
        metavar="PLACE",
    ),
]
InputHeight = Annotated[
    int | None, typer.Option(help="Height images are scaled to for OpenPose; 368 by default.")
]
Choose = Annotated[
    str | None,
    typer.Option(
        help="Who in each image is used further on: all, largest, score, central or annotated.",
        metavar="RULE",
    ),
]
Annotations = Annotated[
    Path | None,
    typer.Option(
        "--annotations",
        help="Annotated people for `--choose annotated`: MPII .mat or .npz, COCO JSON.",
        metavar="FILE",
    ),
]
Overwrite = Annotated[
    bool, typer.Option(help="Delete keypoints made with other settings instead of refusing.")
]
MaxFailedShare = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="Share of images that may be unreadable or failed; 0.05 by default. Above it the run "
        "fails, and keeps what it has.",
        metavar="SHARE",
    ),
]
Wait = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Seconds to wait where another run holds the store; 600 by default, 0 for not at all.",
        metavar="SECONDS",
    ),
]
Model = Annotated[
    str, typer.Option(help="`bundled`, a lifter's folder, or models:/pose-lifter@champion.")
]
NPeople = Annotated[int | None, typer.Option("--people", min=0, help="People to draw in 3D.")]
Seed = Annotated[int | None, typer.Option(help="Seed of the training; 0 by default.")]


def pipeline_settings(
    file: Path | None,
    *,
    train_on: list[Path] | None = None,
    people: int | None = None,
    input_height: int | None = None,
    choose: str | None = None,
    annotations: Path | None = None,
    seed: int | None = None,
    max_failed_share: float | None = None,
    wait: float | None = None,
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
    if choose is not None or annotations is not None:
        extract = replace(extract, choice=person_choice(choose or "annotated", annotations))
    return replace(settings, extract=with_limits(extract, max_failed_share, wait))


def with_limits(
    extract: "ExtractConfig", max_failed_share: float | None, wait: float | None
) -> "ExtractConfig":
    """Return the settings with those of two limits that are given."""
    if max_failed_share is not None:
        extract = replace(extract, max_failed_share=max_failed_share)
    if wait is not None:
        extract = replace(extract, wait_seconds=wait)
    return extract


def person_choice(rule: str, annotations: Path | None) -> "PersonChoice":
    """Return the choice of people that the options ask for."""
    from pose_lib.person_choice import PersonChoice

    try:
        return PersonChoice(rule, str(annotations.absolute()) if annotations else None)
    except ValueError as error:
        raise InputError(f"{error} (--choose {rule}, --annotations FILE)") from error


def _with_input_height(extract: "ExtractConfig", input_height: int) -> "ExtractConfig":
    try:
        openpose = replace(extract.openpose, input_height=input_height)
    except ValueError as error:
        raise InputError(f"--input-height: {error}") from error
    return replace(extract, openpose=openpose)
