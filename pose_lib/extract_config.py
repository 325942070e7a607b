"""The settings of an extraction: which detector, how it finds people, and in what pieces."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pose_lib.images.decode import MAX_PIXELS
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.person_selection import PersonSelection


@dataclass(frozen=True)
class ExtractConfig:
    """What is extracted, and in what pieces.

    Attributes:
        detector: Name of what finds the people: openpose, or another that is installed.
        openpose: How OpenPose finds them; part of a store's identity.
        selection: Who of those found is used further on. All stay in the store.
        images_per_shard: Images of one task, by default 10 to 20 seconds of work: 128, or 16,384
            where OpenPose has a GPU; raised where there would be more than 100 tasks otherwise.
        images_per_batch: Images that are lost, and computed again, where a worker dies; by default
            as many as take 5 seconds, and at least 64, or 4,096 where OpenPose has a GPU. After
            each batch its results are written, which takes up to 60 ms.
        max_pixels: An image of more pixels counts as failed, so that one file cannot take all
            memory; it is tried again in every run.
        max_failure_rate: Of all images, how many may be unreadable or failed, 0 to 1; above it the
            run counts as failed. All results are kept all the same.
        lock_timeout: How long to wait where another run holds the store; 0 to give up at once.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {
        "choice": "selection",
        "max_failed_share": "max_failure_rate",
        "wait_seconds": "lock_timeout",
    }

    detector: str = "openpose"
    openpose: OpenPoseConfig = field(default_factory=OpenPoseConfig)
    selection: PersonSelection = field(default_factory=PersonSelection)
    images_per_shard: int | None = None
    images_per_batch: int | None = None
    max_pixels: int = MAX_PIXELS
    max_failure_rate: float = 0.05
    lock_timeout: float = 600.0

    def __post_init__(self) -> None:
        if not 0 <= self.max_failure_rate <= 1:
            raise ValueError(f"max_failure_rate must be 0 to 1, got {self.max_failure_rate}")
        if not self.lock_timeout >= 0:
            raise ValueError(f"lock_timeout must not be negative, got {self.lock_timeout}")
        for name in ("images_per_shard", "images_per_batch", "max_pixels"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")

    @property
    def detector_settings(self) -> Any:
        """The settings of the detector that is named, as its ``DetectorModule`` takes them."""
        return self.openpose if self.detector == "openpose" else None
