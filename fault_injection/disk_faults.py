"""Disks that are full, and disks that can no longer be written to."""

import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fault_injection.process_faults import SLOW, begun
from fault_injection.report import Row
from fault_injection.sandbox import World

_SIZES = ("200k", "700k", "1200k", "64m")
_BAD_INPUT = 2


class CannotMountError(Exception):
    """Only root may mount a disk, and not everywhere."""


def fill_disk(world: World, kills: int, seed: int) -> Iterable[Row]:  # noqa: ARG001 - all alike
    """Have a store on a disk that is too small again and again, and then large enough."""
    row = Row("the disk full", recovered_by="room, and the same command again")
    images, config = world.small_shards()
    try:
        with small_disk(world.folder / "small-disk", _SIZES[0]) as disk:
            store = disk / "full.zarr"
            for size in _SIZES:
                remount(disk, f"size={size}")
                with world.extracting(images, store, config) as run:
                    status = run.end()
                    run.expect_no_process(row)
                if status == 0:
                    break
                row.tried += 1
                told = status == _BAD_INPUT and "make room" in run.last_line
                row.expect(told, f"with {size} it ended with {status}: {run.last_line}")
            row.expect(status == 0, run.last_line)
            world.judge(row, images, store, config)
    except CannotMountError as error:
        row.skipped = str(error)
    yield row


def forbid_writing(world: World, kills: int, seed: int) -> Iterable[Row]:  # noqa: ARG001 - alike
    """Make a store's disk read-only while a run writes to it."""
    row = Row("the output made read-only", recovered_by="permission, and the same command again")
    images, config = world.small_shards()
    try:
        with small_disk(world.folder / "read-only-disk", "64m") as disk:
            store = disk / "forbidden.zarr"
            with world.extracting(images, store, config, **SLOW) as run:
                run.wait_for(lambda: begun(store))
                remount(disk, "ro")
                row.tried, status = 1, run.end()
                run.expect_no_process(row)
            told = status == _BAD_INPUT and "make it writable" in run.last_line
            row.expect(told, f"it ended with {status}: {run.last_line}")
            remount(disk, "rw")
            with world.extracting(images, store, config) as run:
                row.expect(run.end() == 0, run.last_line)
            world.judge(row, images, store, config)
    except CannotMountError as error:
        row.skipped = str(error)
    yield row


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a disk of a few kB for the block."""
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(disk: Path, option: str) -> None:
    """Change a disk while it is used."""
    for _ in range(200):  # it cannot become read-only while a file is open for writing
        try:
            return _mount("-o", f"remount,{option}", str(disk))
        except CannotMountError:
            time.sleep(0.05)
    return _mount("-o", f"remount,{option}", str(disk))


def _mount(*arguments: str) -> None:
    try:
        subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        raise CannotMountError(f"cannot mount a disk: {reason}".strip()) from error
