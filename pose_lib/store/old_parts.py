"""Results as earlier versions kept them: each batch a zarr group ``shards/<shard key>-<id>``.

Only stores made before batches were files have them. To be removed one release after the first
that writes files, with its two calls.
"""

import contextlib

import zarr

from pose_lib.files.locations import Location, location
from pose_lib.store.batches import write_batch
from pose_lib.store.ledger import ExtractionResults
from pose_lib.store.objects import object_names, remove_object
from pose_lib.store.provenance import (
    delete_tree,
    open_root,
    read_provenance,
    skeleton_of,
    writing,
)
from pose_lib.store.schema import DAMAGE, read_array, read_arrays, read_attempts, read_text


def convert_old_parts(path: str | Location) -> None:
    """Write the finished results of an earlier version as batches, and delete what they lay in.

    Only for who holds the store. Stopped at any point it goes on the next time.
    """
    folder = location(path) / "shards"
    if not (folder / "zarr.json").exists():
        return
    root, provenance = open_root(path), read_provenance(path)
    for name in object_names(folder):
        part = folder / name
        if name == "begun" or not part.is_dir():
            continue
        with contextlib.suppress(FileNotFoundError, *DAMAGE):  # its images are computed again
            group = root[f"shards/{name}"]
            if isinstance(group, zarr.Group) and group.attrs.get("done"):
                write_batch(path, name.partition("-")[0], _results(root, group), provenance)
        with writing(path):
            delete_tree(part)
    with writing(path):
        remove_object(folder / "zarr.json")  # last: it tells that there may be more


def _results(root: zarr.Group, group: zarr.Group) -> ExtractionResults:
    return ExtractionResults(
        read_arrays(group, skeleton_of(root)),
        read_text(group, "images/digest"),
        read_attempts(group),
        read_array(group, "images/seconds"),
    )
