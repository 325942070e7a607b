"""Settings of the whole pipeline, as one TOML file holds them."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BeforeValidator

from pose_lib.extract_config import ExtractConfig
from pose_lib.files.locations import Location, location
from pose_lib.lifting.training.config import TrainConfig
from tasks.export import ExportFormat


@dataclass(frozen=True)
class PipelineConfig:
    """Every setting of ``poselift run``.

    Attributes:
        n_people: How many people are drawn in 3D.
        exports: Formats to export the keypoints to.
        overlays: Whether the images are written with skeletons drawn over.
        train_on: More 2D poses to train on, beside the images' own: stores, folders of an npy
            pair or of OpenPose JSON, MPII annotations.
        beside: A second lifter to draw beside the trained one, such as ``bundled``; empty for
            none.
        extract: How people are found.
        train: How the lifter is trained.
    """

    n_people: int = 12
    exports: tuple[ExportFormat, ...] = (ExportFormat.NPY, ExportFormat.OPENPOSE)
    overlays: bool = True
    train_on: tuple[str, ...] = ()
    beside: str = ""
    extract: ExtractConfig = field(default_factory=ExtractConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        if self.n_people < 0:
            raise ValueError(f"n_people must not be negative, got {self.n_people}")


PathOrUrl = Annotated[Location, BeforeValidator(location)]
"""A path or a URL, be it an object or, from a deployment, a text."""
