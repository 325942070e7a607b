"""Flow: photographs in; keypoints, a trained lifter and 3D poses out."""

from dataclasses import dataclass

from prefect import flow

from flows.config import PipelineConfig, check_pipeline
from flows.extract import extract_keypoints
from flows.parameters import PathOrUrl, PipelineSettings
from flows.render import render_poses
from flows.train import train
from pose_lib.files.locations import Location, location
from pose_lib.formats.export_format import ExportFormat
from tasks.artifacts import show_summary
from tasks.checks import check_export
from tasks.export import export_people, log_ledger
from tasks.extract import LedgerCounts
from tasks.render import Rendered, check_model, log_figures
from tasks.store_lock import exclusive_lock
from tasks.train import TrainedLifter, check_tracking, facts


@dataclass(frozen=True)
class PipelineResult:
    """What a run of the pipeline made."""

    ledger: LedgerCounts
    trained: TrainedLifter
    rendered: Rendered


@flow(name="pose-pipeline", flow_run_name="poses of {images}")
def pose_pipeline(
    images: str,
    out: PathOrUrl,
    config: PipelineSettings = PipelineConfig(),  # noqa: B008 - frozen
    overwrite: bool = False,
) -> PipelineResult:
    """Find the people, export them, train a lifter on them, register it, render 3D poses.

    Its keypoints stay as they are found until all is done: other runs have to wait.

    Args:
        images: Folder, glob pattern, image or video.
        out: Folder for all results; a half-finished run in it goes on.
        overwrite: Delete keypoints of other settings in it, instead of refusing.
    """
    store = out / "keypoints.zarr"
    overlays = out / "overlays" if config.overlays else None
    check_pipeline(images, out, config, overwrite=overwrite)
    check_tracking()
    if config.compare_with:
        check_model(config.compare_with)
    with exclusive_lock(store, config.extract.lock_timeout):
        ledger = extract_keypoints(images, store, config.extract, overlays, overwrite)
        for kind in config.exports:
            export_people(store, kind, out / "exports" / kind)
        trained = train([store, *map(location, config.train_on)], config.train)
        log_ledger(store, trained.run_id)
        rendered = render_poses(
            store, out / "poses", trained.model_uri, config.n_people, config.compare_with
        )
        log_figures(out / "poses", trained.model_uri)
        show_summary(ledger, facts(trained), rendered.folder / "overview.png")
    return PipelineResult(ledger, trained, rendered)


@flow(name="export-keypoints", flow_run_name="export {kind}")
def export_keypoints(store: PathOrUrl, out: PathOrUrl, kind: ExportFormat) -> Location:
    """Write a store's people into a folder in another format."""
    check_export(store, out)
    return export_people(store, kind, out)
