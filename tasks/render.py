"""Lifting and drawing the people of a store, as Prefect tasks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int
from prefect import task

from pose_lib.api import lift
from pose_lib.files.atomic_write import write_atomic, write_inside
from pose_lib.files.local_copy import local_copy
from pose_lib.files.locations import Location, plain_errors
from pose_lib.files.safe_names import fitting_name
from pose_lib.images.decode import UnreadableImage
from pose_lib.images.find import mark_output
from pose_lib.images.source import ImageSource
from pose_lib.keypoints import Keypoints
from pose_lib.lifting.files.poses3d_npz import (
    read_lifted_poses,
    write_lifted_poses,
    write_openpose_3d,
)
from pose_lib.lifting.lifter import LiftedPoses
from pose_lib.plots.animation import turntable_gif
from pose_lib.plots.featured_people import featured_people
from pose_lib.plots.figures import png_bytes
from pose_lib.plots.gallery import ReadPicture, overview_figure, person_figure, viewer_page
from pose_lib.store import read_image_root, read_keypoints
from tasks.artifacts import MAX_PICTURE_BYTES, Picture
from tasks.mlflow_tracking.client import connect
from tasks.mlflow_tracking.registry import fetch_lifter, run_of
from tasks.runtime.progress import report_progress
from tasks.runtime.retries import RETRY_OPTIONS

_LIST_OF_FIGURES = "figures.txt"


@dataclass(frozen=True)
class Rendered:
    """What a rendering left behind.

    Attributes:
        folder: Holds ``poses3d.npz`` and OpenPose JSON with everybody, a figure of each person
            shown, ``overview.png`` with all of those, ``viewer.html`` to turn them by hand, and
            ``turntable.gif`` of the first.
        lifted: People lifted.
        refused: People with too few joints to lift.
        shown: People drawn.
    """

    folder: Location
    lifted: int
    refused: int
    shown: int


@task(name="check-model", task_run_name="check {model}")
def check_model(model: str) -> None:
    """Load a lifter for nothing but to fail before long work, not after it."""
    fetch_lifter(model)


@task(name="lift-people", task_run_name="lift with {model}")
def lift_people(store: Location, model: str, path: Location) -> Location:
    """Lift the store's chosen people and write their 3D poses to the npz file ``path``."""
    keypoints = read_keypoints(store).only_chosen()
    lifted = lift(keypoints, fetch_lifter(model))
    mark_output(path.parent)
    write_lifted_poses(path, keypoints, lifted)
    return path


@task(name="export-3d", **RETRY_OPTIONS)
def export_poses(store: Location, lifted: Location, folder: Location) -> Location:
    """Write OpenPose JSON with the 3D beside the 2D."""
    write_openpose_3d(folder, read_keypoints(store).only_chosen(), read_lifted_poses(lifted))
    return folder


@task(name="render-people", task_run_name="render {n_people} people")
def render_people(
    store: Location, poses: dict[str, Location], folder: Location, n_people: int
) -> tuple[list[Picture], Rendered]:
    """Draw the people whose figures tell most, each as lifted by every given model.

    Args:
        poses: The files with the store's people as lifted by each model, by its label.
    """
    lifted = {label: read_lifted_poses(path) for label, path in poses.items()}
    keypoints, read = read_keypoints(store).only_chosen(), _reader(store)
    first = next(iter(lifted.values()))
    chosen = featured_people(keypoints, first.lifted, n_people)

    pictures, written = [], []
    report_progress("3D figures", 0, len(chosen))
    for rank, person in enumerate(chosen.tolist()):
        name = keypoints.filename[keypoints.image[person]]
        figure = person_figure(read, keypoints, lifted, person)
        written.append(_file_name(rank, name))
        write_inside(folder, written[-1], png_bytes(figure))
        pictures.append(Picture(name, png_bytes(figure, max_bytes=MAX_PICTURE_BYTES)))
        report_progress("3D figures", rank + 1, len(chosen))
    written += _draw_together(folder, read, keypoints, first, chosen)
    _delete_earlier_figures(folder, written)
    n_lifted = int(first.lifted.sum())
    return pictures, Rendered(folder, n_lifted, keypoints.n_people - n_lifted, len(chosen))


@task(name="log-figures", **RETRY_OPTIONS)
def log_figures(folder: Location, model: str) -> None:
    """Add the folder to the MLflow run that made the model, if one did."""
    if run_id := run_of(model):
        with local_copy(folder) as copy:
            connect().log_artifacts(run_id, str(copy), "poses")


def _reader(store: Location) -> ReadPicture:
    """Return what reads the store's images where they were, as long as they are there."""
    root = read_image_root(store)

    def read(name: str) -> np.ndarray | None:
        try:
            return ImageSource(root, (name,)).read(name) if root else None
        except UnreadableImage:
            return None

    return read


def _draw_together(
    folder: Location,
    read: ReadPicture,
    keypoints: Keypoints,
    lifted: LiftedPoses,
    chosen: Int[np.ndarray, "shown"],
) -> list[str]:
    """Write the sheet and the page with all who were chosen, and the first of them turning."""
    sheet = overview_figure(read, keypoints, lifted, chosen)
    write_atomic(folder / "overview.png", png_bytes(sheet))
    page = viewer_page(read, keypoints, lifted, chosen)
    write_atomic(folder / "viewer.html", page.encode())
    if not len(chosen):
        return ["overview.png", "viewer.html"]
    pose, filled, spread = (of[chosen[0]] for of in (lifted.poses3d, lifted.filled, lifted.spread))
    turning = turntable_gif(pose, filled, uncertainty=spread)
    write_atomic(folder / "turntable.gif", turning)
    return ["overview.png", "viewer.html", "turntable.gif"]


def _delete_earlier_figures(folder: Location, written: list[str]) -> None:
    """Delete what the last rendering wrote here and this one did not, and nothing else."""
    listed = folder / _LIST_OF_FIGURES
    with plain_errors(listed):
        earlier = listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []
        for name in set(earlier) - set(written):
            if Path(name).name == name:
                (folder / name).unlink(missing_ok=True)
    write_atomic(listed, "\n".join(written).encode())


def _file_name(rank: int, name: str) -> str:
    """Return a name of one line, as the list of figures needs it, that any file system takes."""
    plain = "".join(letter if letter.isprintable() and letter != "/" else "_" for letter in name)
    return fitting_name(f"{rank + 1:02}_{plain}.png")
