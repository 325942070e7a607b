"""Lifting and drawing the people of a store, as Prefect tasks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from prefect import task

from pose_lib.convert import convert_keypoints
from pose_lib.errors import InputError
from pose_lib.formats.images import ImageSource, UnreadableImage
from pose_lib.formats.keypoint_store import read_image_root, read_keypoints
from pose_lib.formats.lifted_poses import FILE_NAME, write_lifted_poses
from pose_lib.formats.whole_file import write_whole
from pose_lib.keypoints import Keypoints
from pose_lib.lifting.lifter import LiftedPoses, Lifter
from pose_lib.plots.figures import comparison, png_bytes, pose_grid, triptych
from pose_lib.selection import choose_people
from pose_lib.skeleton import BODY_15
from tasks.artifacts import MAX_PICTURE_BYTES, Picture
from tasks.patience import PATIENT
from tasks.progress import report_progress
from tasks.registry import fetch_lifter, run_of
from tasks.tracking import connect

ENOUGH_TO_ADAPT = 200
"""People from which on a store's own bone ratios are measured rather than left open."""


@dataclass(frozen=True)
class Rendered:
    """What a rendering left behind.

    Attributes:
        folder: Holds ``poses3d.npz`` with everybody, and a figure of each person shown.
        lifted: People lifted.
        refused: People with too few joints to lift.
        figures: Names of the figures in ``folder``.
    """

    folder: Path
    lifted: int
    refused: int
    figures: tuple[str, ...]


@task(name="lift-people", task_run_name="lift with {model}")
def lift_people(store: Path, model: str) -> LiftedPoses:
    """Lift everybody in the store."""
    keypoints = read_keypoints(store)
    poses = convert_keypoints(keypoints.keypoints, keypoints.skeleton, BODY_15)
    return _adapted(fetch_lifter(model), poses).lift(poses)


@task(name="save-poses")
def save_poses(store: Path, lifted: LiftedPoses, folder: Path) -> Path:
    """Write everybody's 3D pose into the folder."""
    path = folder / FILE_NAME
    write_lifted_poses(path, read_keypoints(store), lifted)
    return path


@task(name="render-people", task_run_name="render {n_people} people")
def render_people(
    store: Path, lifted: dict[str, LiftedPoses], folder: Path, n_people: int
) -> tuple[list[Picture], Rendered]:
    """Draw the people whose figures tell most, each lifted by every given lifter.

    Args:
        lifted: The store's people as lifted by each model, by the model's label.
    """
    keypoints = read_keypoints(store)
    source = _source(store, keypoints)
    first = next(iter(lifted.values()))
    chosen = choose_people(keypoints, first.lifted, n_people)
    pictures = []
    report_progress("3D figures", 0, len(chosen))
    for rank, person in enumerate(chosen.tolist()):
        name = keypoints.filename[keypoints.image[person]]
        figure = _figure(_photograph(source, keypoints, person), keypoints, lifted, person)
        write_whole(folder / _file_name(rank, name), png_bytes(figure))
        pictures.append(Picture(name, png_bytes(figure, max_bytes=MAX_PICTURE_BYTES)))
        report_progress("3D figures", rank + 1, len(chosen))
    if len(chosen):
        sheet = _sheet(source, keypoints, first, chosen)
        write_whole(folder / "overview.png", png_bytes(sheet))
    n_lifted = int(first.lifted.sum())
    names = tuple(sorted(path.name for path in folder.glob("*.png")))
    return pictures, Rendered(folder, n_lifted, keypoints.n_people - n_lifted, names)


@task(name="log-figures", **PATIENT)
def log_figures(folder: Path, model: str) -> str | None:
    """Add the folder to the MLflow run that made the model; return the run's id, if any."""
    run_id = run_of(model)
    if run_id:
        connect().log_artifacts(run_id, str(folder), "poses")
    return run_id


def _adapted(lifter: Lifter, poses: np.ndarray) -> Lifter:
    if len(poses) < ENOUGH_TO_ADAPT:
        return lifter
    try:
        return lifter.adapted(poses)
    except InputError:  # many people, but too few show some bone
        return lifter


def _source(store: Path, keypoints: Keypoints) -> ImageSource | None:
    root = read_image_root(store)
    return ImageSource(root, keypoints.filename) if root and root.is_dir() else None


def _photograph(source: ImageSource | None, keypoints: Keypoints, person: int) -> np.ndarray:
    """Return the person's picture, or a white one of its size where it is gone."""
    image = int(keypoints.image[person])
    if source is not None:
        try:
            return source.read(keypoints.filename[image])
        except UnreadableImage:
            pass
    width, height = keypoints.size[image]
    return np.full((max(height, 1), max(width, 1), 3), 255, np.uint8)


def _figure(
    photograph: np.ndarray, keypoints: Keypoints, lifted: dict[str, LiftedPoses], person: int
) -> Figure:
    first = next(iter(lifted.values()))
    xyc, title = keypoints.keypoints[person], keypoints.filename[keypoints.image[person]]
    if len(lifted) == 1:
        return triptych(
            photograph,
            xyc,
            keypoints.skeleton,
            first.poses3d[person],
            first.filled[person],
            title=title,
        )
    return comparison(
        photograph,
        xyc,
        keypoints.skeleton,
        np.stack([poses.poses3d[person] for poses in lifted.values()]),
        first.filled[person],
        labels=list(lifted),
        title=title,
    )


def _sheet(
    source: ImageSource | None, keypoints: Keypoints, lifted: LiftedPoses, chosen: np.ndarray
) -> Figure:
    return pose_grid(
        [_photograph(source, keypoints, person) for person in chosen.tolist()],
        keypoints.keypoints[chosen],
        keypoints.skeleton,
        lifted.poses3d[chosen],
        lifted.filled[chosen],
    )


def _file_name(rank: int, name: str) -> str:
    return f"{rank + 1:02}_{name.replace('/', '_')}.png"
