"""Overlays of images that are no longer there go too, and nothing that is not ours."""

from prefect import task

from pose_lib.formats.keypoint_store import read_ledger
from pose_lib.formats.locations import Location
from pose_lib.formats.overlay_list import read_overlay_list, remove_overlays, write_overlay_list
from pose_lib.ledger_summary import faulty_rows
from tasks.overlay import overlay_name
from tasks.patience import PATIENT


@task(name="expect-overlays", **PATIENT)
def expect_overlays(store: Location, folder: Location) -> list[str]:
    """Put the overlays that are to be drawn on the folder's list; return their names.

    Before they are drawn, so that an interrupted run leaves none that is not on the list.
    """
    ledger = read_ledger(store)
    unreadable = {ledger.filename[row] for row in faulty_rows(ledger)}
    names = [overlay_name(name) for name in ledger.filename if name not in unreadable]
    write_overlay_list(folder, {*names, *read_overlay_list(folder)})
    return names


@task(name="remove-other-overlays", **PATIENT)
def remove_other_overlays(folder: Location, names: list[str]) -> None:
    """Remove the overlays on the folder's list that are not among these."""
    remove_overlays(folder, read_overlay_list(folder) - set(names))
    write_overlay_list(folder, names)
