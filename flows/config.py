"""Settings of the whole pipeline, as one TOML file holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pose_lib.extract_config import ExtractConfig
from pose_lib.files.locations import Location
from pose_lib.formats.export_format import ExportFormat
from pose_lib.lifting.config import TrainConfig


@dataclass(frozen=True)
class PipelineConfig:
    """Every setting of ``poselift run``.

    Attributes:
        n_people: How many people are drawn in 3D.
        exports: Formats to export the keypoints to.
        overlays: Whether the images are written with skeletons drawn over.
        train_on: More 2D poses to train on, beside the images' own: stores, folders of an npy
            pair or of OpenPose JSON, MPII annotations.
        compare_with: A second lifter to draw beside the trained one, such as ``bundled``; empty for
            none.
        extract: How people are found.
        train: How the lifter is trained.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {"beside": "compare_with"}

    n_people: int = 12
    exports: tuple[ExportFormat, ...] = (ExportFormat.NPY, ExportFormat.OPENPOSE)
    overlays: bool = True
    train_on: tuple[str, ...] = ()
    compare_with: str = ""
    extract: ExtractConfig = field(default_factory=ExtractConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        if self.n_people < 0:
            raise ValueError(f"n_people must not be negative, got {self.n_people}")


def check_pipeline(
    images: str, out: Location, config: PipelineConfig, *, overwrite: bool = False
) -> None:
    """Refuse what a run cannot begin with: see `tasks.checks`."""
    from pose_lib.training_data import read_training_poses
    from tasks.checks import check_extraction
    from tasks.mlflow_tracking.model_uri import check_model

    overlays = out / "overlays" if config.overlays else None
    store = out / "keypoints.zarr"
    check_extraction(images, store, config.extract, overlays, overwrite=overwrite)
    if config.train_on:
        read_training_poses(config.train_on)
    if config.compare_with:
        check_model(config.compare_with)
