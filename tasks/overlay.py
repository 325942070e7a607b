"""Drawing skeletons over the images, as a Prefect task."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from prefect import task

from pose_lib.errors import InputError
from pose_lib.formats.file_names import fitting_name
from pose_lib.formats.image_decoding import UnreadableImage
from pose_lib.formats.image_listing import OUTPUT_MARK, mark_output
from pose_lib.formats.images import ImageSource
from pose_lib.formats.keypoint_store import read_keypoints
from pose_lib.formats.locations import Location, files_under
from pose_lib.formats.pictures import encode_image
from pose_lib.formats.whole_file import write_all_inside
from pose_lib.plots.overlay import draw_people
from pose_lib.sharding import Shard
from tasks.bulk import UNHASHED, PackedShard
from tasks.patience import PATIENT


@task(name="check-overlays", **UNHASHED)
def check_overlays(source: ImageSource, folder: Location) -> None:
    """Refuse a folder in which overlays would replace the images, or other files not ours."""
    if isinstance(folder, Path) and folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the overlays")
    if folder.resolve() == source.root:
        raise InputError(f"overlays in {folder} would replace the images; name another folder")
    there = set(files_under(folder))
    replaced = there & set(map(overlay_name, source.names))
    if replaced and OUTPUT_MARK not in there:
        raise InputError(
            f"overlays in {folder} would replace {len(replaced)} files that are not ours, such as "
            f"{min(replaced)!r}; name another folder"
        )


@task(name="draw-overlays", task_run_name="draw {packed}", **UNHASHED, **PATIENT)
def draw_overlays(
    packed: PackedShard, source: ImageSource, store: Location, folder: Location
) -> int:
    """Draw the store's people over the shard's images; return how many images.

    Those who are not chosen are grey. Images that cannot be read have no overlay.
    """
    mark_output(folder)
    write_all_inside(folder, _overlays(packed.unpacked(), source, store))
    return packed.n_images


def overlay_name(name: str) -> str:
    """Return the image's own name, with ``.jpg`` added where a browser would not show it."""
    shown = name.lower().endswith((".jpg", ".jpeg", ".png"))
    return fitting_name(name if shown else f"{name}.jpg")


def _overlays(shard: Shard, source: ImageSource, store: Location) -> Iterator[tuple[str, bytes]]:
    """Give name and content of each overlay in turn."""
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
        overlay = overlay_name(name)
        yield overlay, encode_image(PurePosixPath(overlay).suffix, drawn)
