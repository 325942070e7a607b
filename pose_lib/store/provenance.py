"""A keypoint store as a whole: what it depends on, how it is made, opened and deleted."""

import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import zarr
from zarr.storage import FsspecStore

from pose_lib.errors import InputError
from pose_lib.files.locations import Location, is_remote, location
from pose_lib.files.parsing import MISSHAPEN
from pose_lib.skeleton import Skeleton, skeleton_named
from pose_lib.store.lock import LEASE_SUFFIX

SCHEMA = "poselift-keypoints/1"
FRAME = "pixels of the original image, origin top left, x right, y down"

_METADATA = "zarr.json"

_EMPTIED = "none, for its results are being deleted"
"""In place of the weights' hash, which no detector has."""

_MOST_TRIES = 50

_NEEDS_A_PERSON = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room there",
    errno.EFBIG: "allow larger files there",
    errno.EROFS: "make it writable",
    errno.EACCES: "make it writable",
    errno.EPERM: "make it writable",
}
"""What has to be done where a write fails in a way that does not pass by itself."""


@dataclass(frozen=True)
class Provenance:
    """What a result depends on beside the image: results are reused only where all of it agrees.

    Attributes:
        skeleton: Name of the skeleton that the keypoints are on.
        weights: Hash of the detector's weights.
        config: The detector's settings as plain values.
    """

    skeleton: str
    weights: str
    config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Tuples become lists as they will be when read back, so that equal settings are equal.
        object.__setattr__(self, "config", json.loads(json.dumps(dict(self.config))))

    @property
    def digest(self) -> str:
        """A hash of all of it, by which a batch of results is known to belong to a store."""
        text = json.dumps(asdict(self), sort_keys=True)
        return blake2b(text.encode(), digest_size=16).hexdigest()


def open_store(path: str | Location, provenance: Provenance) -> None:
    """Make the store, or make sure that the one there holds results of the same provenance.

    Raises:
        InputError: If something else is there, or a store of another provenance, or one with links.
    """
    path = location(path)
    if _is_free(path):
        try:
            zarr.create_group(_zarr_place(path), attributes=_attributes(provenance))
        except OSError as error:
            raise InputError(f"cannot write the store {path}: {error.strerror or error}") from error
        return
    _refuse_links(path)
    if found := other_settings(path, provenance):
        raise InputError(
            f"{path} holds results of another setting: {found}; "
            "name another --store, or --overwrite this one"
        )


def is_store(path: str | Location) -> bool:
    """Tell whether a zarr group is there, which a keypoint store is."""
    return (location(path) / _METADATA).exists()


def remake_store(path: str | Location, provenance: Provenance) -> None:
    """Delete all results in a store, and make it one of this provenance.

    It never stops being a store: who still works for a run that has ended finds that it is not for
    their results. Stopped half way it holds results of no provenance.

    Raises:
        InputError: If there is no keypoint store, or it cannot be written to.
    """
    path = location(path)
    _empty(path)
    with writing(path):
        open_root(path, "r+").attrs.put(_attributes(provenance))


def delete_store(path: str | Location) -> None:
    """Delete the keypoint store, if there is one; nothing else is ever deleted.

    Who holds the store while deleting it goes on holding it.

    Raises:
        InputError: If something that is no keypoint store is there.
    """
    path = location(path)
    if _is_free(path):
        return
    _empty(path)
    with writing(path):
        (path / _METADATA).unlink()
        if not is_remote(path) and not any(path.iterdir()):
            path.rmdir()


def read_provenance(path: str | Location) -> Provenance:
    """Return what the results in the store depend on."""
    attrs: dict[str, Any] = dict(open_root(path).attrs)
    return Provenance(attrs["skeleton"], attrs["weights"], attrs["config"])


def other_settings(path: str | Location, provenance: Provenance) -> str:
    """Tell in what the results in the store are of another provenance; empty if in nothing."""
    return "; ".join(_differences(asdict(read_provenance(path)), asdict(provenance)))


def open_root(path: str | Location, mode: Literal["r", "r+"] = "r") -> zarr.Group:
    """Open the store's zarr group.

    Raises:
        InputError: If there is none, or it is no keypoint store of this schema.
    """
    path = location(path)
    try:
        store = zarr.open_group(_zarr_place(path), mode=mode, zarr_format=3)
    except (OSError, RecursionError, *MISSHAPEN) as error:
        if _is_free(path):
            raise InputError(
                f"there is no keypoint store at {path}; `poselift extract` makes one"
            ) from error
        raise InputError(
            f"{path} is there but is no keypoint store; choose another path"
        ) from error
    schema = store.attrs.get("schema")
    if schema != SCHEMA:
        found = f"its schema is {schema!r}" if schema else "it has no schema"
        raise InputError(f"{path} is no store of {SCHEMA}: {found}; choose another path")
    missing = {"skeleton", "weights", "config", "joints"} - set(store.attrs)
    if missing:
        raise InputError(f"the store {path} lacks the attributes {', '.join(sorted(missing))}")
    return store


def skeleton_of(store: zarr.Group) -> Skeleton:
    """Return the skeleton that the store's keypoints are on.

    Raises:
        ValueError: If its joints are not those that the store names.
    """
    skeleton = skeleton_named(str(store.attrs["skeleton"]))
    if store.attrs["joints"] != list(skeleton.joints):
        raise ValueError(f"its joints are not those of {skeleton.name}")
    return skeleton


@contextlib.contextmanager
def writing(path: str | Location) -> Iterator[None]:
    """Say in one line why the store cannot be written to, where only a person can change that.

    Raises:
        InputError: If there is no room or no permission. What may pass by itself stays as it is.
    """
    try:
        yield
    except OSError as error:
        denied = errno.EACCES if isinstance(error, PermissionError) else None
        todo = _NEEDS_A_PERSON.get(error.errno or denied or 0)
        if todo is None:
            raise
        raise InputError(
            f"cannot write to {path}: {error.strerror or error}; {todo} and run the same command "
            "again, what is done is kept"
        ) from error


def delete_tree(entry: Location) -> None:
    """Delete a file, or a folder into which somebody may still be writing a last batch."""
    if not isinstance(entry, Path):
        entry.fs.rm(entry.path, recursive=True)
    elif not entry.is_dir():
        entry.unlink()
    else:
        _delete_folder(entry)


def _delete_folder(folder: Path) -> None:
    for _ in range(_MOST_TRIES):
        try:
            return shutil.rmtree(folder)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
        time.sleep(0.1)
    return shutil.rmtree(folder)


def _zarr_place(path: Location) -> Path | FsspecStore:
    if isinstance(path, Path):
        return path
    return FsspecStore.from_url(str(path), storage_options=dict(path.storage_options))


def _is_free(path: Location) -> bool:
    """Tell whether nothing is there yet, or just what a killed beginning leaves behind."""
    if not path.exists():
        return True
    beginnings = {".partial", LEASE_SUFFIX}
    return path.is_dir() and all(entry.suffix in beginnings for entry in path.iterdir())


def _attributes(provenance: Provenance) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        **asdict(provenance),
        "joints": list(skeleton_named(provenance.skeleton).joints),
        "frame": FRAME,
        "package_version": version("poselift"),
        "published": None,
    }


def _empty(path: Location) -> None:
    """Delete all but what says that this is a store, and who holds it."""
    root = open_root(path, "r+")
    with writing(path):
        root.attrs.update({"published": None, "weights": _EMPTIED})
    entries: list[Location] = list(path.iterdir())
    try:
        for entry in entries:
            if entry.name != _METADATA and LEASE_SUFFIX not in entry.suffixes:
                delete_tree(entry)
    except OSError as error:
        raise InputError(f"cannot delete {path}: {error.strerror or error}") from error


def _refuse_links(path: Location) -> None:
    """Refuse a store, maybe of somebody else, through which writing would lead out of it."""
    if not isinstance(path, Path):
        return  # object storages have no links
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            if (found := Path(folder, name)).is_symlink():
                raise InputError(f"{found} is a link, which no store has; remove it")


def _differences(there: Any, here: Any, name: str = "") -> Iterator[str]:
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for key in sorted({*there, *here}):
            yield from _differences(there.get(key), here.get(key), f"{name}.{key}".lstrip("."))
    elif there != here:
        yield f"{name} is {there!r} there and {here!r} here"
