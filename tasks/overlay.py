"""Drawing skeletons over the images, as a Prefect task."""

from pathlib import Path

from prefect import task

from pose_lib.formats.images import ImageSource, UnreadableImage
from pose_lib.formats.keypoint_store import read_keypoints
from pose_lib.formats.pictures import write_image
from pose_lib.plots.overlay import draw_people
from pose_lib.sharding import Shard
from tasks.patience import PATIENT


@task(name="draw-overlays", task_run_name="draw {shard}", **PATIENT)
def draw_overlays(shard: Shard, source: ImageSource, store: Path, folder: Path) -> int:
    """Draw the store's people over the shard's images; return how many images.

    An overlay is named as its image with ``.jpg`` added. Images that cannot be read have none.
    """
    keypoints = read_keypoints(store)
    row_of = {name: row for row, name in enumerate(keypoints.filename)}
    for name in shard.names:
        try:
            image = source.read(name)
        except UnreadableImage:
            continue
        people = keypoints.people(row_of[name])
        write_image(folder / f"{name}.jpg", draw_people(image, people, keypoints.skeleton))
    return len(shard.names)
