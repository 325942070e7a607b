"""Drawing skeletons over the images, as a Prefect task."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from prefect import task

from pose_lib.errors import InputError
from pose_lib.extract.plan import Shard
from pose_lib.files.atomic_write import write_all_inside
from pose_lib.files.locations import Location, files_under
from pose_lib.files.safe_names import fitting_name
from pose_lib.formats.overlay_index import read_overlay_list, remove_overlays, write_overlay_list
from pose_lib.images.decode import UnreadableImage
from pose_lib.images.encode import encode_image
from pose_lib.images.find import OUTPUT_MARK, mark_output
from pose_lib.images.source import ImageSource
from pose_lib.plots.overlay import draw_people
from pose_lib.store import read_keypoints, read_ledger
from pose_lib.store.ledger_summary import faulty_rows
from tasks.runtime.payload import UNHASHED, CompressedShard
from tasks.runtime.retries import RETRY_OPTIONS


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


@task(name="draw-overlays", task_run_name="draw {packed}", **UNHASHED, **RETRY_OPTIONS)
def draw_overlays(
    packed: CompressedShard, source: ImageSource, store: Location, folder: Location
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


@task(name="expect-overlays", **RETRY_OPTIONS)
def expect_overlays(store: Location, folder: Location) -> list[str]:
    """Put the overlays that are to be drawn on the folder's list; return their names.

    Before they are drawn, so that an interrupted run leaves none that is not on the list.
    """
    ledger = read_ledger(store)
    unreadable = {ledger.filename[row] for row in faulty_rows(ledger)}
    names = [overlay_name(name) for name in ledger.filename if name not in unreadable]
    write_overlay_list(folder, {*names, *read_overlay_list(folder)})
    return names


@task(name="remove-other-overlays", **RETRY_OPTIONS)
def remove_other_overlays(folder: Location, names: list[str]) -> None:
    """Remove the overlays on the folder's list that are not among these."""
    remove_overlays(folder, read_overlay_list(folder) - set(names))
    write_overlay_list(folder, names)
