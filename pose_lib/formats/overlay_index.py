"""Which overlays in a folder are ours, so that those of removed images can be removed too."""

import json
from collections.abc import Iterable

from pose_lib.errors import InputError
from pose_lib.files.atomic_write import path_inside, write_atomic
from pose_lib.files.locations import Location
from pose_lib.files.safe_names import refuse_escaping_names

OVERLAY_LIST = ".poselift-overlays.json"


def read_overlay_list(folder: Location) -> frozenset[str]:
    """Return the names of the overlays that we wrote to the folder, none where no list is.

    Raises:
        InputError: If the list is damaged, or names files outside the folder.
    """
    path = folder / OVERLAY_LIST
    try:
        names = json.loads(path.read_bytes())
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(_damaged(path)) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(_damaged(path))
    refuse_escaping_names(names, path)
    return frozenset(names)


def write_overlay_list(folder: Location, names: Iterable[str]) -> None:
    """Keep the names of our overlays in the folder."""
    write_atomic(folder / OVERLAY_LIST, json.dumps(sorted(names)).encode())


def remove_overlays(folder: Location, names: Iterable[str]) -> None:
    """Remove these overlays, and what folders are empty then; those that are not there are fine.

    Raises:
        InputError: If a link in the folder leads to another one.
    """
    for name in sorted(names):
        path = path_inside(folder, name)
        path.unlink(missing_ok=True)
        for parent in path.parents:
            if parent == folder or not parent.is_dir() or any(parent.iterdir()):
                break
            parent.rmdir()


def _damaged(path: Location) -> str:
    return f"{path} is damaged; delete it, and what overlays are no longer wanted"
