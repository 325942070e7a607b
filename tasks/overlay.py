"""Drawing skeletons over the images, as a Prefect task."""

from pathlib import Path

from prefect import task

from pose_lib.errors import InputError
from pose_lib.formats.images import ImageSource, UnreadableImage, mark_output
from pose_lib.formats.keypoint_store import read_keypoints
from pose_lib.formats.pictures import write_image
from pose_lib.plots.overlay import draw_people
from pose_lib.sharding import Shard
from tasks.patience import PATIENT


@task(name="check-overlays")
def check_overlays(source: ImageSource, folder: Path) -> None:
    """Refuse a folder in which overlays would replace the images themselves."""
    if folder.resolve() == source.root:
        raise InputError(f"overlays in {folder} would replace the images; name another folder")


@task(name="draw-overlays", task_run_name="draw {shard}", **PATIENT)
def draw_overlays(shard: Shard, source: ImageSource, store: Path, folder: Path) -> int:
    """Draw the store's people over the shard's images; return how many images.

    Those who are not chosen are grey. Images that cannot be read have no overlay.
    """
    mark_output(folder)
    keypoints = read_keypoints(store)
    row_of = {name: row for row, name in enumerate(keypoints.filename)}
    for name in shard.names:
        try:
            image = source.read(name)
        except UnreadableImage:
            continue
        row = row_of[name]
        people, chosen = keypoints.people(row), keypoints.chosen[keypoints.of_image(row)]
        drawn = draw_people(image, people, keypoints.skeleton, chosen=chosen)
        write_image(folder / overlay_name(name), drawn)
    return len(shard.names)


def overlay_name(name: str) -> str:
    """Return the image's own name, with ``.jpg`` added where a browser would not show it."""
    return name if name.lower().endswith((".jpg", ".jpeg", ".png")) else f"{name}.jpg"
