"""Flow: train a lifter on 2D poses and register it."""

from collections.abc import Sequence

from prefect import flow

from flows.parameters import TrainSettings
from pose_lib.files.locations import Location
from pose_lib.lifting.config import TrainConfig
from tasks.artifacts import show_table
from tasks.train import TrainedLifter, facts, train_lifter


@flow(name="train-lifter", flow_run_name="train lifter")
def train(
    data: Sequence[Location],
    config: TrainSettings = TrainConfig(),  # noqa: B008 - frozen
    again: bool = False,
) -> TrainedLifter:
    """Train the GAN and its lifter on 2D poses alone, and make the lifter the champion.

    Args:
        data: Keypoint stores, folders of an npy pair or of OpenPose JSON, or MPII annotations.
        again: Train anew even where a lifter of the same data and settings is registered.
    """
    trained = train_lifter(data, config, again)
    show_table(facts(trained), key="training", title="Training")
    return trained
