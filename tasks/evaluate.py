"""Scoring a lifter of any origin against 3D truth: of known 2D poses, or from pictures."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from prefect import task

from pose_lib.convert import convert_keypoints
from pose_lib.datasets.image_truth import read_picture_truth
from pose_lib.datasets.truth_reader import read_lifter_truth
from pose_lib.errors import InputError
from pose_lib.files.atomic_write import write_atomic
from pose_lib.files.locations import Location
from pose_lib.images.find import find_images, mark_output
from pose_lib.images.match_names import match_names
from pose_lib.images.source import ImageSource
from pose_lib.lifting.evaluate import evaluate_lifter, score_groups
from pose_lib.lifting.evaluate_images import FoundPeople, find_true_people, score_found
from pose_lib.plots.figures import png_bytes
from pose_lib.plots.worst_poses import worst_pose_figures
from pose_lib.skeleton import BODY_15
from pose_lib.store import read_image_root, read_keypoints
from tasks.mlflow_tracking.registry import fetch_lifter
from tasks.runtime.progress import report_progress

STAGE = "evaluation"
_DRAWN = 8


def score_lifter(
    truth: Path,
    model: str,
    kind: str,
    *,
    adapt: bool,
    poses2d: Path | None = None,
    predictions: Path | None = None,
) -> dict[str, Any]:
    """Lift the 2D of a truth file and compare.

    Args:
        truth: Our own npz file, VideoPose3D's Human3.6M, or MPI-INF-3DHP's folder.
        kind: ``clean`` or ``noisy``, the 2D that is lifted.
        poses2d: VideoPose3D's 2D, with Human3.6M.
        predictions: Where to write the lifted poses, if anywhere.
    """
    known = read_lifter_truth(truth, poses2d, noisy=kind == "noisy")
    scores, lifted = evaluate_lifter(fetch_lifter(model), known.poses, known.joints3d, adapt=adapt)
    if predictions is not None:
        _write_predictions(predictions, poses3d=lifted)
    if not known.grouped_by:
        return scores
    by_group = score_groups(lifted, known.joints3d, known.group, known.grouped_by)
    return scores | dict(known.facts) | by_group


@task(name="check-truth", task_run_name="check {truth}")
def check_truth(images: str, truth: Path) -> None:
    """Refuse a truth file that is none, or pictures that are not its, before looking at them."""
    known = read_picture_truth(truth)
    present = find_images(images).names
    places = match_names(known.filename, present)
    missing = [name for name, place in zip(known.filename, places, strict=True) if place is None]
    if missing:
        raise InputError(
            f"{len(missing)} of the {len(known.filename)} pictures that {truth} knows are not in "
            f"{images} (first: {missing[0]}); name the folder that holds them"
        )


@task(name="score-pictures", task_run_name="score {store}")
def score_pictures(
    store: Location,
    truth: Path,
    model: str,
    *,
    adapt: bool,
    predictions: Path | None = None,
    worst: Path | None = None,
) -> dict[str, Any]:
    """Lift the people that were found in pictures and compare them with those who are there.

    Args:
        predictions: Where to write the lifted poses, if anywhere.
        worst: Folder for figures of the people that the lifter got most wrong, if any.

    Returns:
        The figures of ``score_found``; JSON can hold them.
    """
    keypoints, known = read_keypoints(store), read_picture_truth(truth)
    if worst is not None and read_image_root(store) is None:
        raise InputError(f"{store} does not say where its pictures are; leave out --worst")
    places = match_names(known.filename, keypoints.filename)
    rows = np.array([-1 if place is None else place for place in places])[known.image]
    poses = convert_keypoints(keypoints.keypoints, keypoints.skeleton, BODY_15)
    found = find_true_people(poses, keypoints.image, rows, known)
    if not found.matched.any():
        raise InputError(
            f"none of the {len(known)} people of {truth} was found among {len(poses)} in its "
            "pictures; are they the pictures that the truth was made with?"
        )
    scores, lifted = score_found(fetch_lifter(model), found, known, adapt=adapt)
    if predictions is not None:
        _write_found(predictions, found, lifted)
    if worst is not None:
        names = [keypoints.filename[row] for row in rows[found.matched]]
        _draw_worst(worst, store, names, found, lifted, known.joints3d[found.matched])
    return scores


def _draw_worst(
    folder: Path,
    store: Location,
    names: list[str],
    found: FoundPeople,
    lifted: np.ndarray,
    truth: np.ndarray,
) -> None:
    root = read_image_root(store)
    assert root is not None  # seen to before anybody was lifted
    read = ImageSource(root, tuple(sorted(set(names)))).read
    mark_output(folder)
    drawn = worst_pose_figures(read, names, found.poses, lifted, truth, most=_DRAWN)
    for place, (name, figure) in enumerate(drawn, start=1):
        write_atomic(folder / f"{place:02}_{Path(name).stem}.png", png_bytes(figure))
        report_progress(STAGE, place, _DRAWN)


def _write_found(path: Path, found: FoundPeople, lifted: np.ndarray) -> None:
    """Write the lifted poses, their 2D, and the row of the true person that each one is."""
    _write_predictions(
        path, poses3d=lifted, poses2d=found.poses, person=np.flatnonzero(found.matched)
    )


def _write_predictions(path: Path, **arrays: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(path, buffer.getvalue())
