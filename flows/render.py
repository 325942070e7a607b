"""Flows: 3D poses and pictures of the people in a store, or in photographs."""

from dataclasses import replace
from pathlib import Path

from prefect import flow

from flows.extract import extract_keypoints
from flows.parameters import ExtractSettings, PathOrUrl
from pose_lib.extract_config import ExtractConfig
from tasks.artifacts import show_pictures
from tasks.checks import check_export, check_openpose
from tasks.failure_limit import refuse_if_nothing_was_read, tell_faults
from tasks.import_keypoints import import_openpose
from tasks.mlflow_tracking.registry import label_of
from tasks.render import (
    Rendered,
    check_model,
    export_poses,
    lift_people,
    render_people,
)
from tasks.store_lock import exclusive_lock


@flow(name="render-poses", flow_run_name="render with {model}")
def render_poses(
    store: PathOrUrl,
    out: PathOrUrl,
    model: str = "bundled",
    n_people: int = 12,
    compare_with: str = "",
) -> Rendered:
    """Lift everybody in the store and draw some of them, to disk and on this page.

    Args:
        store: Keypoint store.
        out: Folder for ``poses3d.npz`` and the figures.
        model: ``bundled``, a lifter's folder, or an MLflow URI.
        n_people: How many people are drawn; the most complete ones.
        compare_with: A second model, drawn beside the first; empty for none.
    """
    check_export(store, out)
    poses = {label_of(model): lift_people(store, model, out / "poses3d.npz")}
    export_poses(store, out / "poses3d.npz", out / "openpose")
    if compare_with:
        label = label_of(compare_with)
        poses[label] = lift_people(store, compare_with, out / f"poses3d_{label}.npz")
    pictures, rendered = render_people(store, poses, out, n_people)
    show_pictures(pictures, key="poses", title=f"3D poses by {' and '.join(poses)}")
    return rendered


@flow(name="lift-images", flow_run_name="lift {images}")
def lift_images(
    images: str,
    out: PathOrUrl,
    model: str = "bundled",
    n_people: int = 12,
    config: ExtractSettings = ExtractConfig(),  # noqa: B008 - frozen
) -> Rendered:
    """Go from photographs to 3D poses with a lifter that is already trained.

    However many images are broken, who asked for poses wants those of the others.

    Args:
        images: Folder, glob pattern, image or video.
        out: Folder for the keypoint store, the 3D poses and the figures.
    """
    store = out / "keypoints.zarr"
    check_model(model)
    with exclusive_lock(store, config.lock_timeout):
        ledger = extract_keypoints(images, store, replace(config, max_failure_rate=1.0))
        refuse_if_nothing_was_read(ledger)
        tell_faults(ledger)
        return render_poses(store, out / "poses", model, n_people)


@flow(name="lift-openpose", flow_run_name="lift {source}")
def lift_openpose(
    source: Path, out: PathOrUrl, model: str = "bundled", n_people: int = 12
) -> Rendered:
    """Go from OpenPose JSON to 3D poses with a lifter that is already trained.

    Args:
        source: A file, or a folder that is searched to all depths.
        out: Folder for the keypoint store, the 3D poses and the figures.
    """
    check_openpose(source, out)
    check_model(model)
    with exclusive_lock(out / "keypoints.zarr", ExtractConfig().lock_timeout):
        store = import_openpose(source, out / "keypoints.zarr")
        return render_poses(store, out / "poses", model, n_people)
