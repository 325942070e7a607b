"""The keypoint store: people of many images in a zarr group that no interruption can spoil.

Layout: every shard is a group of its own under ``shards/``, written by one task and never touched
again; `publish` assembles the arrays that readers use from the finished shards::

    <store>            attrs: schema, skeleton, joints, frame, config, weights, package_version,
                       published (a new id each time; null while the arrays are being written),
                       person_choice: rule, annotations, sha256, chosen, of
      images/          filename, size, status, reason, digest, seconds   (image, ...)
      people/          keypoints, image, score, chosen                   (person, ...)
      shards/<id>/     attrs: done, package_version
        images/, people/    the same arrays for the shard's images, without chosen

Only the replacing of a single small object is taken to be atomic, as on S3: nothing is renamed,
data comes first and its mark last. Two runs must not write to one store at the same time.
"""

import json
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from jaxtyping import Float

from pose_lib.errors import InputError
from pose_lib.formats.file_names import refuse_escaping_names
from pose_lib.formats.keypoint_arrays import read_array, read_arrays, write_arrays, write_chosen
from pose_lib.formats.lease_files import LEASE_SUFFIX
from pose_lib.formats.person_choice import apply_choice, choice_record
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.person_choice import EVERYBODY, PersonChoice
from pose_lib.skeleton import Skeleton, skeleton_named

SCHEMA = "poselift-keypoints/1"
FRAME = "pixels of the original image, origin top left, x right, y down"
NO_RESULT = "no result: its shard did not finish; run extract again"

_MOST_SHARDS = 200  # two full runs; opening more takes seconds


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


@dataclass(frozen=True)
class Result:
    """Where the finished result of an image's content lies.

    Attributes:
        shard: Name of its group under ``shards/``.
        row: Its row among that shard's images.
        status: What became of the image.
    """

    shard: str
    row: int
    status: ImageStatus


def open_store(path: str | Path, provenance: Provenance) -> None:
    """Make the store, or make sure that the one there holds results of the same provenance.

    Raises:
        InputError: If something else is there, or a store of another provenance.
    """
    path = Path(path)
    if _is_free(path):
        _create(path, provenance)
        return
    differences = list(_differences(asdict(read_provenance(path)), asdict(provenance)))
    if differences:
        raise InputError(
            f"{path} holds results of another setting: {'; '.join(differences)}; "
            "name another --store, or --overwrite this one"
        )


def is_store(path: str | Path) -> bool:
    """Tell whether a zarr group is there, which a keypoint store is."""
    return (Path(path) / "zarr.json").exists()


def delete_store(path: str | Path) -> None:
    """Delete the keypoint store, if there is one; nothing else is ever deleted.

    Raises:
        InputError: If something that is no keypoint store is there.
    """
    path = Path(path)
    if _is_free(path):
        return
    try:
        store = _open(path, mode="r+")
        for name in _shards(store):
            _delete_shard(store, name)
        for part in ("images", "people", "shards"):
            if part in store:
                del store[part]
        # What says that this is a store goes last; who is deleting it goes on holding it.
        for entry in sorted(path.iterdir(), key=lambda entry: entry.name == "zarr.json"):
            if entry.suffix != LEASE_SUFFIX:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        if not any(path.iterdir()):
            path.rmdir()
    except OSError as error:
        raise InputError(f"cannot delete {path}: {error.strerror or error}") from error


def read_provenance(path: str | Path) -> Provenance:
    """Return what the results in the store depend on."""
    attrs: dict[str, Any] = dict(_open(path).attrs)
    return Provenance(attrs["skeleton"], attrs["weights"], attrs["config"])


def finished(path: str | Path) -> dict[str, Result]:
    """Return where the result of each content lies, by its digest.

    Of several results for one content the one with the best status counts, so that a failure
    that was tried again with success is forgotten.
    """
    best: dict[str, Result] = {}
    for name, shard in _finished_shards(_open(path)):
        digests = read_array(shard, "images/digest").tolist()
        statuses = read_array(shard, "images/status").tolist()
        for row, (digest, status) in enumerate(zip(digests, statuses, strict=True)):
            if digest not in best or status < best[digest].status:
                best[digest] = Result(name, row, ImageStatus(status))
    return best


def write_shard(
    path: str | Path,
    keypoints: Keypoints,
    digests: Sequence[str],
    seconds: Float[np.ndarray, "image"],
) -> str:
    """Write the results of some images as one shard and return its name.

    Every attempt writes to a place of its own, so a task may be run twice, even at the same time.

    Args:
        digests: Hash of each image's content.
        seconds: What each image took.
    """
    of_content = blake2b("".join(sorted(digests)).encode(), digest_size=8).hexdigest()
    name = f"{of_content}-{uuid.uuid4().hex[:8]}"
    shard = _open(path, mode="r+").create_group(
        f"shards/{name}", attributes={"package_version": version("poselift")}
    )
    write_arrays(shard, keypoints, digests, seconds)
    shard.attrs["done"] = True
    return name


def publish(
    path: str | Path,
    names: Sequence[str],
    digests: Mapping[str, str],
    *,
    root: str | Path | None = None,
    choice: PersonChoice = EVERYBODY,
) -> Keypoints:
    """Assemble what readers see from the finished shards, for exactly these images.

    Interrupted at any point it can be run again. Shards that no image needs are deleted at the end.
    Everybody found stays in the store, chosen or not.

    Args:
        names: All images, sorted.
        digests: Hash of each name's content.
        root: The folder that the names are relative to, kept so that images can be read again.
        choice: Who is used further on.

    Returns:
        The published keypoints. An image without a result has the status failed.

    Raises:
        InputError: If the annotations to choose by cannot be read, or are about other images.
    """
    store = _open(path, mode="r+")
    results = finished(path)
    used = {name: results.get(digests[name]) for name in names}
    if len({result.shard for result in used.values() if result}) > _MOST_SHARDS:
        used = _merge_shards(path, used, digests)
    keypoints, seconds = _gather(store, used)
    keypoints = apply_choice(keypoints, choice)
    record = choice_record(keypoints, choice)

    store.attrs["published"] = None
    write_arrays(store, keypoints, [digests[name] for name in names], seconds)
    store.attrs["root"] = str(root) if root else None
    _finish_publishing(store, keypoints, record)

    needed = {result.shard for result in used.values() if result}
    for name in _shards(store).keys() - needed:
        _delete_shard(store, name)
    return keypoints


def choose_again(path: str | Path, choice: PersonChoice) -> Keypoints:
    """Choose among the published people anew, without looking at an image; return them.

    Raises:
        InputError: As `read_keypoints` and `publish` do.
    """
    keypoints = apply_choice(read_keypoints(path), choice)
    record = choice_record(keypoints, choice)
    try:
        store = _open(path, mode="r+")
        store.attrs["published"] = None
        _finish_publishing(store, keypoints, record)
    except OSError as error:
        raise InputError(f"cannot write to {path}: {error.strerror or error}") from error
    return keypoints


def read_choice(path: str | Path) -> dict[str, Any]:
    """Return how the published people were chosen, as `choice_record` tells it."""
    recorded = _open(path).attrs.get("person_choice")
    return dict(recorded) if isinstance(recorded, Mapping) else {}


def read_keypoints(path: str | Path) -> Keypoints:
    """Read the published keypoints.

    Raises:
        InputError: If there is no store, it was never published whole, or its content is not valid.
    """
    store = _open(path)
    published = store.attrs.get("published")
    if not published:
        raise InputError(f"the store {path} is not complete; run extract on it again")
    try:
        keypoints = read_arrays(store, _skeleton(store))
    except (KeyError, ValueError, RuntimeError, TypeError, OSError) as error:
        if _open(path).attrs.get("published") == published:
            raise InputError(f"the store {path} is damaged ({error}); run extract again") from error
    if _open(path).attrs.get("published") != published:
        raise InputError(f"the store {path} is being written to right now; try again later")
    refuse_escaping_names(keypoints.filename, path)
    return keypoints


def read_image_root(path: str | Path) -> Path | None:
    """Return the folder that the published names are relative to, where it was recorded."""
    root = _open(path).attrs.get("root")
    return Path(str(root)) if root else None


def _is_free(path: Path) -> bool:
    """Tell whether nothing is there yet, or just what a killed beginning leaves behind."""
    if not path.exists():
        return True
    beginnings = {".partial", LEASE_SUFFIX}
    return path.is_dir() and all(entry.suffix in beginnings for entry in path.iterdir())


def _create(path: Path, provenance: Provenance) -> None:
    attributes = {
        "schema": SCHEMA,
        **asdict(provenance),
        "joints": list(skeleton_named(provenance.skeleton).joints),
        "frame": FRAME,
        "package_version": version("poselift"),
        "published": None,
    }
    try:
        zarr.create_group(path, attributes=attributes)
    except OSError as error:
        raise InputError(f"cannot write the store {path}: {error.strerror or error}") from error


def _open(path: str | Path, mode: Literal["r", "r+"] = "r") -> zarr.Group:
    path = Path(path)
    if _is_free(path):
        raise InputError(f"there is no keypoint store at {path}; `poselift extract` makes one")
    try:
        store = zarr.open_group(path, mode=mode)
    except (OSError, ValueError, KeyError, TypeError) as error:
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


def _skeleton(store: zarr.Group) -> Skeleton:
    skeleton = skeleton_named(str(store.attrs["skeleton"]))
    if store.attrs["joints"] != list(skeleton.joints):
        raise ValueError(f"its joints are not those of {skeleton.name}")
    return skeleton


def _differences(there: Any, here: Any, name: str = "") -> Iterator[str]:
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for key in sorted({*there, *here}):
            yield from _differences(there.get(key), here.get(key), f"{name}.{key}".lstrip("."))
    elif there != here:
        yield f"{name} is {there!r} there and {here!r} here"


def _shards(store: zarr.Group) -> dict[str, zarr.Group]:
    shards = store.get("shards")
    return dict(shards.groups()) if isinstance(shards, zarr.Group) else {}


def _finished_shards(store: zarr.Group) -> Iterator[tuple[str, zarr.Group]]:
    for name, shard in sorted(_shards(store).items()):
        # A straggler may have marked a shard that was deleted while it wrote: then digests lack.
        if shard.attrs.get("done") and "images/digest" in shard:
            yield name, shard


def _delete_shard(store: zarr.Group, name: str) -> None:
    """Take the mark away first, for a deletion may be stopped half way."""
    store[f"shards/{name}"].attrs["done"] = False
    del store[f"shards/{name}"]


def _finish_publishing(store: zarr.Group, keypoints: Keypoints, choice: Mapping[str, Any]) -> None:
    """Write who is chosen, why, and last that all is there.

    Args:
        choice: As `choice_record` tells it.
    """
    write_chosen(store, keypoints.chosen)
    store.attrs["person_choice"] = dict(choice)
    store.attrs["published"] = uuid.uuid4().hex


def _gather(
    store: zarr.Group, used: Mapping[str, Result | None]
) -> tuple[Keypoints, Float[np.ndarray, "image"]]:
    """Collect the results of these names, in their order, from the shards."""
    skeleton = _skeleton(store)
    parts = {
        shard: (read_arrays(group, skeleton), read_array(group, "images/seconds"))
        for shard, group in _shards(store).items()
        if shard in {result.shard for result in used.values() if result}
    }
    none = np.zeros((0, len(skeleton), 3), np.float32)
    rows = [
        (*parts[result.shard], result.row) if result else (_no_result(skeleton), np.zeros(1), 0)
        for result in used.values()
    ]
    people = [part.people(row) for part, _, row in rows]
    keypoints = Keypoints(
        skeleton=skeleton,
        filename=tuple(used),
        size=np.array([part.size[row] for part, _, row in rows], np.int32).reshape(-1, 2),
        status=np.array([part.status[row] for part, _, row in rows], np.int64),
        reason=tuple(part.reason[row] for part, _, row in rows),
        keypoints=np.concatenate([none, *(found.keypoints for found in people)]),
        image=np.repeat(np.arange(len(rows)), [len(found) for found in people]),
        score=np.concatenate([none[:, 0, 0], *(found.score for found in people)]),
    )
    return keypoints, np.array([seconds[row] for _, seconds, row in rows], np.float32)


def _no_result(skeleton: Skeleton) -> Keypoints:
    """Return what stands in the ledger for an image whose shard never finished."""
    return Keypoints(
        skeleton=skeleton,
        filename=("",),
        size=np.zeros((1, 2), np.int32),
        status=np.array([ImageStatus.FAILED]),
        reason=(NO_RESULT,),
        keypoints=np.zeros((0, len(skeleton), 3), np.float32),
        image=np.zeros(0, np.int64),
        score=np.zeros(0, np.float32),
    )


def _merge_shards(
    path: str | Path, used: Mapping[str, Result | None], digests: Mapping[str, str]
) -> dict[str, Result | None]:
    """Put all results into one new shard, lest many small runs pile up many small shards."""
    present = {name: result for name, result in used.items() if result}
    keypoints, seconds = _gather(_open(path), present)
    shard = write_shard(path, keypoints, [digests[name] for name in present], seconds)
    merged = {
        name: Result(shard, row, result.status)
        for row, (name, result) in enumerate(present.items())
    }
    return {name: merged.get(name) for name in used}
