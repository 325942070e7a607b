"""Death at a chosen place of writing: a process that kills itself with -9 there.

What writes to a keypoint store is wrapped, be it on a disk or on S3: zarr's stores, and the two
functions that write and remove batches and their marks. So no line of the product knows of this.
Which process dies where comes by the environment, for the processes are other programs' children.
"""

import functools
import json
import os
import random
import signal
import sys
import threading
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from zarr.core.buffer import Buffer
from zarr.storage import FsspecStore, LocalStore

from pose_lib.files.locations import Location
from pose_lib.store import batches

PLAN_VARIABLE = "POSELIFT_FAULTS_PLAN"

BEFORE, HALF, AFTER = "before", "in the middle of", "after"

BEGUN, BATCH = "a begun mark", "a batch"
ENDED, DELETED = "removing a mark", "deleting a batch"
STORE, PUBLISHED = "the store's attributes", "the published arrays"


@dataclass(frozen=True)
class Plan:
    """Where to die: at the n-th time at one place, or anywhere by chance.

    Attributes:
        log: File that each death is written to, a line of JSON each.
        moment: Before, in the middle of, or after the write.
        nth: At which passing of that place.
        within: Only inside a function with this in its name.
        chance: Of dying at each moment of each write, where no place is named.
    """

    log: str
    place: str = ""
    moment: str = ""
    nth: int = 1
    within: str = ""
    chance: float = 0.0
    seed: int = 0

    def environment(self) -> dict[str, str]:
        return {PLAN_VARIABLE: json.dumps(asdict(self))}


@functools.cache
def arm() -> None:
    """Let this process die where the environment says so, if it does."""
    if plan := os.environ.get(PLAN_VARIABLE):
        reaper = _Reaper(Plan(**json.loads(plan)))
        _wrap_stores(reaper)
        batches.put_atomic = _put(batches.put_atomic, reaper)
        batches.remove_object = _removed(batches.remove_object, reaper)


class _Reaper:
    """Decides at each passing of a place, and kills."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._passed = plan, 0
        self._source = random.Random(f"{plan.seed} {os.getpid()}")  # another one in each process

    def passes(
        self, place: str, moment: str, key: str, die: Callable[[], None] = lambda: None
    ) -> None:
        """Die here if this is the place, after doing ``die``."""
        if not self._wants(place, moment):
            return
        die()
        death = {"pid": os.getpid(), "place": place, "moment": moment, "key": key}
        line = json.dumps({**death, "within": _functions()[:4]}) + "\n"
        log = os.open(self._plan.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, line.encode())
        os.kill(os.getpid(), signal.SIGKILL)

    def _wants(self, place: str, moment: str) -> bool:
        if not self._plan.place:
            return self._source.random() < self._plan.chance
        if (place, moment) != (self._plan.place, self._plan.moment):
            return False
        if self._plan.within and not any(self._plan.within in name for name in _functions()):
            return False
        self._passed += 1
        return self._passed == self._plan.nth


def _functions() -> list[str]:
    """Return the names of this program's functions that are running, the innermost first."""
    frame: FrameType | None = sys._current_frames()[threading.main_thread().ident or 0]
    names = []
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(("pose_lib", "tasks", "flows")):
            names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


def _wrap_stores(reaper: _Reaper) -> None:
    kinds: tuple[Any, ...] = (LocalStore, FsspecStore)
    for kind in kinds:
        kind.set = _written(kind.set, reaper)
        kind.set_if_not_exists = _written(kind.set_if_not_exists, reaper)
        kind.delete_dir = _deleted(kind.delete_dir, reaper)


def _written(write: Callable[..., Any], reaper: _Reaper) -> Callable[..., Any]:
    async def deadly(store: Any, key: str, value: Buffer, *rest: Any) -> None:
        content = value.to_bytes()
        place = STORE if key == "zarr.json" else PUBLISHED
        reaper.passes(place, BEFORE, key)
        reaper.passes(place, HALF, key, lambda: _write_half(store, key, content))
        await write(store, key, value, *rest)
        reaper.passes(place, AFTER, key)

    return deadly


def _deleted(delete: Callable[..., Any], reaper: _Reaper) -> Callable[..., Any]:
    async def deadly(store: Any, prefix: str) -> None:
        reaper.passes(PUBLISHED, BEFORE, prefix)
        reaper.passes(PUBLISHED, HALF, prefix, lambda: _delete_half(store, prefix))
        await delete(store, prefix)
        reaper.passes(PUBLISHED, AFTER, prefix)

    return deadly


def _put(put: Callable[..., None], reaper: _Reaper) -> Callable[..., None]:
    def deadly(path: Location, content: bytes) -> None:
        place = BEGUN if path.parent.name == "begun" else BATCH
        reaper.passes(place, BEFORE, path.name)
        reaper.passes(place, HALF, path.name, lambda: _leave_torn_file(path, content))
        put(path, content)
        reaper.passes(place, AFTER, path.name)

    return deadly


def _removed(remove: Callable[..., None], reaper: _Reaper) -> Callable[..., None]:
    def deadly(path: Location) -> None:
        place = ENDED if path.parent.name == "begun" else DELETED
        reaper.passes(place, BEFORE, path.name)
        remove(path)
        reaper.passes(place, AFTER, path.name)

    return deadly


def _write_half(store: LocalStore | FsspecStore, key: str, content: bytes) -> None:
    """Leave what the store leaves on a disk that dies meanwhile; on S3 there is no half object."""
    if isinstance(store, LocalStore):
        path = store.root / key
        _leave_torn_file(path, content, path.with_suffix(f".{uuid.uuid4().hex}.partial"))


def _leave_torn_file(path: Location, content: bytes, torn: Path | None = None) -> None:
    if isinstance(path, Path):
        torn = torn or path.with_name(f".{uuid.uuid4().hex}.partial")
        torn.parent.mkdir(parents=True, exist_ok=True)
        torn.write_bytes(content[: len(content) // 2])


def _delete_half(store: LocalStore | FsspecStore, prefix: str) -> None:
    if isinstance(store, LocalStore):
        files = sorted(path for path in Path(store.root / prefix).rglob("*") if path.is_file())
        for path in files[::2]:
            path.unlink()
