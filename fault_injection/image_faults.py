"""Images that go away or change while a run goes on, and images that no process survives."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fault_injection.compare import judge
from fault_injection.pictures import (
    ABORTS,
    GROWS,
    HEIGHT,
    WIDTH,
    encoded,
    write_huge,
    write_plain,
)
from fault_injection.process_faults import SLOW, begun
from fault_injection.report import Row
from fault_injection.sandbox import World
from pose_lib.files.locations import Location
from pose_lib.keypoints import ImageStatus
from pose_lib.store import read_ledger

_CHANGED = "changed or deleted while the run went on"
_HUGE_SIDE = 13_000
_MOST_MEMORY = 2 << 30
_ALONE = "the image alone in a process, named in the ledger"


def change_images(world: World, kills: int, seed: int) -> Iterable[Row]:  # noqa: ARG001 - all alike
    """Delete and replace images after they were counted and before they are looked at."""
    row = Row("images deleted and replaced midway", recovered_by="the same command again")
    images, store = world.folder / "changing", world.folder / "changing.zarr"
    shutil.copytree(world.some_images, images)
    config = _lenient(world)
    names = sorted(str(path.relative_to(images)) for path in images.rglob("*.png"))
    deleted, replaced = names[-8:-4], names[-4:]  # of the last shard
    with world.extracting(images, store, config, POSELIFT_WORKERS="1", **SLOW) as run:
        run.wait_for(lambda: begun(store))
        _change(images, deleted, replaced)
        row.expect(run.end() == 0, run.last_line)
    row.tried = len(deleted) + len(replaced)
    told = _reasons(store)
    for name in (*deleted, *replaced):
        row.expect(_CHANGED in told.get(name, ""), f"{name}: {told.get(name, 'no fault')}")
    before = world.undisturbed(world.some_images, config)
    row.add(judge(store, before, [*deleted, *replaced]), "first run:")
    with world.extracting(images, store, config) as run:
        row.expect(run.end() == 0, run.last_line)
    world.judge(row, images, store, config, "second run:")
    yield row


def poison_aborts(world: World, kills: int, seed: int) -> Iterable[Row]:  # noqa: ARG001 - alike
    """Give up to three pictures that end whatever process looks at them."""
    row = Row("a picture that aborts the process", min(kills, 3), recovered_by=_ALONE)
    images, names = _with_plain(world, "aborting", min(kills, 3), ABORTS)
    _expect_named(world, row, images, names, "SIGABRT")
    yield row


def poison_grows(world: World, kills: int, seed: int) -> Iterable[Row]:  # noqa: ARG001 - alike
    """Give a picture that lets whatever process looks at it take ever more memory."""
    row = Row("a picture that takes all memory", 1, recovered_by=_ALONE)
    images, names = _with_plain(world, "growing", 1, GROWS)
    try:
        with memory_limit(_MOST_MEMORY) as group:
            # The kernel kills whoever asks for more.
            enter = ["sh", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"', str(group)]
            _expect_named(world, row, images, names, "SIGKILL", enter, POSELIFT_WORKERS="1")
    except OSError as error:
        row.skipped = f"memory cannot be limited here: {error}"
    yield row


@contextmanager
def memory_limit(n_bytes: int) -> Iterator[Path]:
    """Have a control group whose processes may take so much memory together, in the block."""
    group = Path("/sys/fs/cgroup/memory") / f"poselift-faults-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(n_bytes))
        yield group
    finally:
        group.rmdir()


def huge_image(world: World, kills: int, seed: int) -> Iterable[Row]:  # noqa: ARG001 - all alike
    """Give a picture of more pixels than are allowed."""
    row = Row("a huge picture", tried=1, recovered_by="a limit on pixels")
    images = _with_more(world, "huge")
    write_huge(images / "huge.png", _HUGE_SIDE)
    _expect_named(world, row, images, ["huge.png"], f"{_HUGE_SIDE}")
    yield row


def _with_plain(
    world: World, name: str, count: int, color: tuple[int, int, int]
) -> tuple[Path, list[str]]:
    """Return a folder of images with some of one color among them, and these images' names."""
    images = _with_more(world, name)
    names = [f"{index}/poison.png" for index in range(count)]
    for index, plain in enumerate(names):
        write_plain(images / plain, color, width=WIDTH + index)  # contents of their own
    return images, names


def _expect_named(
    world: World,
    row: Row,
    images: Path,
    names: list[str],
    reason: str,
    inside: Sequence[str] = (),
    **variables: str,
) -> None:
    """Expect that a run finishes all but these images, and tells why it could not do these."""
    store, config = images.with_suffix(".zarr"), _lenient(world)
    with world.extracting(images, store, config, inside=inside, **variables) as run:
        row.expect(run.end() == 0, run.last_line)
        run.expect_no_process(row)
    row.state, told = world.state(store), _reasons(store)
    for name in names:
        row.expect(reason in told.get(name, "not a fault"), f"{name}: {told.get(name)}")
        row.hits[told.get(name, "")] = row.hits.get(told.get(name, ""), 0) + 1
    row.add(judge(store, world.undisturbed(world.some_images, config), names))


def _with_more(world: World, name: str) -> Path:
    return Path(shutil.copytree(world.some_images, world.folder / name))


def _lenient(world: World) -> Path:
    lengths = {"images_per_shard": 50, "images_per_batch": 10}
    return world.config("lenient", max_failure_rate=0.5, **lengths)


def _change(images: Path, deleted: list[str], replaced: list[str]) -> None:
    source = np.random.default_rng(1)
    for name in deleted:
        (images / name).unlink()
    for name in replaced:
        picture = source.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        (images / name).write_bytes(encoded(picture))


def _reasons(store: Location) -> dict[str, str]:
    """Return why images are unreadable or failed, by name."""
    table = read_ledger(store)
    rows = zip(table.filename, table.status.tolist(), table.reason, strict=True)
    return {name: reason for name, status, reason in rows if status >= ImageStatus.UNREADABLE}
