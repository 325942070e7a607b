"""What is wrong with a command's input, told before any server starts.

Commands and flows call the same functions. They look no further than they must: at the first
images of a folder, at the attributes of a store. Nothing here imports Prefect or MLflow.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from pose_lib.datasets.annotation_files import read_keypoint_truth
from pose_lib.datasets.image_truth import read_picture_truth
from pose_lib.datasets.pose_truth import read_pose_truth
from pose_lib.datasets.truth_reader import read_lifter_truth
from pose_lib.errors import InputError
from pose_lib.evaluation.sigmas_toml import read_sigmas
from pose_lib.extract.detector import detector_named
from pose_lib.extract_config import ExtractConfig
from pose_lib.files.locations import Location
from pose_lib.formats.openpose_json import read_openpose
from pose_lib.images.find import check_images
from pose_lib.lifting.files.sweep_table import read_sweep
from pose_lib.lifting.sweep import Sweep
from pose_lib.store import Provenance, is_store, open_store, read_image_root, read_provenance
from pose_lib.training_data import TrainingPoses, read_training_poses
from tasks.mlflow_tracking.model_uri import check_model
from tasks.runtime.workspace import current_workspace
from tasks.store_lock import refuse_what_is_no_store

_FEW = 2000
"""Of so few poses it is told here whether they are enough; of more the training tells at once."""


def provenance(config: ExtractConfig) -> Provenance:
    """Return what the detector's results depend on beside the images.

    Raises:
        InputError: If the detector, its model or its weights are not there.
    """
    weights = current_workspace().weights
    identity = detector_named(config.detector).identify(config.detector_settings, weights)
    settings = {"detector": config.detector, **identity.settings}
    return Provenance(identity.skeleton.name, identity.weights_sha256, settings)


def check_extraction(
    images: str,
    store: Location,
    config: ExtractConfig,
    overlays: Location | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Refuse an extraction without images or weights, or into what is no store of its settings."""
    check_images(images)
    if overlays is not None:
        check_output(overlays)
    origin = provenance(config)
    if config.selection.annotations is not None:
        read_keypoint_truth(Path(config.selection.annotations))
    refuse_what_is_no_store(store)
    check_output(store)
    if is_store(store) and not overwrite:
        open_store(store, origin)


def check_openpose(source: Path, out: Location) -> None:
    """Refuse what is no OpenPose JSON, or a folder that cannot be written to."""
    read_openpose(source)
    refuse_what_is_no_store(out / "keypoints.zarr")
    check_output(out)


def check_output(folder: Location) -> None:
    """Refuse a folder of this machine that is a file, or that cannot be made or written to."""
    if not isinstance(folder, Path):
        return
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"{there} is a file; name a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to {folder}: {there} is read-only")


def check_export(store: Location, out: Location) -> None:
    """Refuse what is no store, or a folder that cannot be written to."""
    read_provenance(store)
    check_output(out)


def check_training(data: Sequence[Location]) -> TrainingPoses:
    """Return 2D poses to train on; refuse what holds none, or too few."""
    poses = read_training_poses(data)
    if len(poses.poses) <= _FEW:
        from pose_lib.lifting.canonical_people import people_by_source  # imports torch

        people_by_source(poses.poses, poses.counts)
    return poses


def check_sweep(
    file: Path, data: Sequence[Location], truth: Path | None, seeds: Sequence[int] | None
) -> tuple[Sweep, TrainingPoses]:
    """Return the sweep of a file and its poses.

    Args:
        seeds: In place of the file's own.
    """
    sweep = read_sweep(file)
    if truth is not None:
        read_pose_truth(truth)
    try:
        chosen = Sweep(sweep.variants, tuple(seeds)) if seeds is not None else sweep
    except ValueError as error:
        raise InputError(f"--seeds: {error}") from error
    return chosen, check_training(data)


def check_keypoint_evaluation(
    store: Location, truth: Path, out: Path, images: Path | None, sigmas: Path | None
) -> None:
    """Refuse an evaluation of what is no store, against what is no truth."""
    if is_store(out):
        raise InputError(f"{out} is a store; name another folder for the report")
    read_provenance(store)
    if sigmas is not None:
        read_sigmas(sigmas)
    if images is not None:
        check_images(images)
    check_output(out)
    read_keypoint_truth(truth)


def check_lifter_evaluation(truth: Path, model: str, poses2d: Path | None) -> None:
    """Refuse an evaluation of no lifter, or against what is no 3D truth."""
    check_model(model)
    read_lifter_truth(truth, poses2d, noisy=False)


def check_pixel_evaluation(
    images: str, truth: Path, store: Location | None, model: str, config: ExtractConfig
) -> None:
    """Refuse an evaluation without images, without truth or without a lifter."""
    check_model(model)
    read_picture_truth(truth)
    if store is None:
        check_images(images)
    else:
        check_extraction(images, store, config)


def check_retry(store: Location, config: ExtractConfig, images: Location | None = None) -> None:
    """Refuse to try images again that are not there, or in a store of other settings."""
    read_provenance(store)
    open_store(store, provenance(config))
    image_root(store, images)


def image_root(store: Location, images: Location | None = None) -> Location:
    """Return the folder of a store's images.

    Args:
        images: Where they are now, if not where the store says.

    Raises:
        InputError: If it is not known, or not there.
    """
    root = images or read_image_root(store)
    if root is None:
        raise InputError(f"{store} does not say where its images are; name the folder by --images")
    if not root.is_dir():
        raise InputError(
            f"the images of {store} are not in {root} any more; if the folder moved, say where it "
            "is by --images DIR"
        )
    return root
