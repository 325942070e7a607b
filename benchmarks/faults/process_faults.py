"""Workers, schedulers and whole runs that are killed from outside, at moments of chance."""

import random
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import psutil

from benchmarks.faults.deadly_places import Plan
from benchmarks.faults.detector import SECONDS_VARIABLE
from benchmarks.faults.report import Row
from benchmarks.faults.verdict import judge
from benchmarks.faults.world import Run, World
from pose_lib.formats.locations import Location

_SLOW = {SECONDS_VARIABLE: "0.02"}
"""So that a run of 2,000 images lasts long enough to be disturbed many times."""

_INTERRUPTED = 130


def kill_workers(world: World, kills: int, seed: int) -> Iterable[Row]:
    """Kill one worker after the other, from outside, until there were so many kills."""
    yield _while_it_runs(world, "a worker killed at random", kills // 2, seed, _kill_one, 1.0)
    yield _while_it_runs(world, "all workers killed at once", kills // 10, seed, _kill_all, 6.0)


def kill_writing_workers(world: World, kills: int, seed: int) -> Iterable[Row]:
    """Let Dask's workers, and the flow's process, kill themselves where they write."""
    images, config = world.many_images, world.config("small-shards", images_per_shard=50)
    row = Row("worker or flow killed while it writes", recovered_by="Dask, or the same command")
    undisturbed = world.undisturbed(images, config)
    log, store = world.folder / "writing.deaths", world.folder / "writing.zarr"
    for attempt in range(20):
        plan = Plan(str(log), chance=0.004 if attempt < kills // 10 else 0.0, seed=seed + attempt)
        with world.extracting(images, store, config, **plan.environment()) as run:
            status = run.end()
            _expect_no_process(row, run)
        if status == 0:
            break
    row.tried = len(log.read_text().splitlines()) if log.exists() else 0
    row.state = world.state(store)
    row.add(judge(store, undisturbed))
    yield row


def kill_flow(world: World, kills: int, seed: int) -> Iterable[Row]:
    """Kill the flow's process at random moments, and run the same command again."""
    row = _ended_and_begun_again(
        world, "the flow's process killed", max(kills // 25, 2), seed, signal.SIGKILL, -9
    )
    yield row


def press_ctrl_c(world: World, kills: int, seed: int) -> Iterable[Row]:
    """Press Ctrl-C at random moments, and run the same command again."""
    row = _ended_and_begun_again(
        world, "Ctrl-C", max(kills // 50, 2), seed, signal.SIGINT, _INTERRUPTED
    )
    yield row


def run_twice_at_once(world: World, kills: int, seed: int) -> Iterable[Row]:  # noqa: ARG001 - alike
    """Start a second run on a store that another one writes."""
    images, config = world.many_images, world.config("small-shards", images_per_shard=50)
    row = Row("two runs on one store", recovered_by="the second waits, and finds all done")
    undisturbed, store = world.undisturbed(images, config), world.folder / "twice.zarr"
    with world.extracting(images, store, config, **_SLOW) as first:
        first.wait_for(lambda: begun(store))
        with world.extracting(images, store, config) as second:
            row.expect(second.end() == 0, f"the second ended with {second.last_line}")
            row.expect("is held by" in second.output, "the second does not say who holds it")
            row.expect(first.end() == 0, f"the first ended with {first.last_line}")
    row.tried, row.state = 1, world.state(store)
    row.add(judge(store, undisturbed))
    yield row


def begun(store: Location) -> bool:
    """Tell whether a worker has begun to write the store."""
    folder = store / "shards"
    return folder.is_dir() and any(folder.iterdir())


def _while_it_runs(
    world: World, fault: str, kills: int, seed: int, kill: Callable[..., int], pause: float
) -> Row:
    """Disturb runs on store after store until there were so many kills."""
    images, config = world.many_images, world.config("small-shards", images_per_shard=50)
    row, source = Row(fault, recovered_by="Dask starts workers, shards go on"), random.Random(seed)
    undisturbed, number = world.undisturbed(images, config), 0
    while row.tried < kills:
        number += 1
        store = world.folder / f"{fault.replace(' ', '-')}-{number}.zarr"
        with world.extracting(images, store, config, **_SLOW) as run:
            run.wait_for(lambda store=store: begun(store))
            while run.process.poll() is None and row.tried < kills:
                row.tried += kill(run, source)
                time.sleep(source.uniform(0.5, 1.5) * pause)
            row.expect(run.end() == 0, f"{store.name}: {run.last_line}")
            _expect_no_process(row, run)
        row.state = world.state(store)
        row.add(judge(store, undisturbed), store.name)
    return row


def _kill_one(run: Run, source: random.Random) -> int:
    workers = run.workers()
    return _kill(source.sample(workers, min(1, len(workers))))


def _kill_all(run: Run, source: random.Random) -> int:  # noqa: ARG001 - as the other
    return min(1, _kill(run.workers()))


def _kill(processes: list[psutil.Process]) -> int:
    killed = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
            killed += 1
    return killed


def _ended_and_begun_again(
    world: World, fault: str, times: int, seed: int, number: signal.Signals, status: int
) -> Row:
    images, config = world.many_images, world.config("small-shards", images_per_shard=50)
    row, source = Row(fault, recovered_by="the same command again"), random.Random(seed)
    undisturbed, store = world.undisturbed(images, config), world.folder / f"{number.name}.zarr"
    while row.tried < times:
        with world.extracting(images, store, config, **_SLOW) as run:
            run.wait_for(lambda: begun(store))
            time.sleep(source.uniform(0, 4))
            run.signal(number)
            found = run.end()
            row.expect(found == status, f"ended with {found}: {run.last_line}")
            row.tried += 1
            _expect_no_process(row, run)
    with world.extracting(images, store, config) as run:
        row.expect(run.end() == 0, run.last_line)
    row.state = world.state(store)
    row.add(judge(store, undisturbed))
    return row


def _expect_no_process(row: Row, run: Run) -> None:
    for left in run.left_over():
        row.expect(False, f"left over: {left}")
