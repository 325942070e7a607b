"""The demo: the whole pipeline on what is bundled, in a few minutes."""

from flows.config import PipelineConfig
from pose_lib.datasets.sample import sample_images, sample_poses
from pose_lib.extract_config import ExtractConfig
from pose_lib.lifting.config import DEMO


def demo_images() -> str:
    """Return the folder of the bundled pictures."""
    return str(sample_images())


def demo_config() -> PipelineConfig:
    """Return settings that train for a minute, on the sample and 2,000 bundled 2D poses."""
    return PipelineConfig(
        train_on=(str(sample_poses()),),
        compare_with="bundled",
        extract=ExtractConfig(images_per_shard=4, max_failure_rate=0.1),  # 1 of 16 is broken
        train=DEMO,
    )
