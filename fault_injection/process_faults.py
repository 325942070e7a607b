"""Workers, schedulers and whole runs that are killed from outside, at moments of chance."""

import random
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from fault_injection.crash_points import Plan
from fault_injection.report import Row
from fault_injection.sandbox import Run, World
from fault_injection.stub_detector import SECONDS_VARIABLE
from pose_lib.datasets.sample import sample_images
from pose_lib.files.locations import Location

SLOW = {SECONDS_VARIABLE: "0.02"}
"""So that a run of 2,000 images lasts long enough to be disturbed many times."""

_INTERRUPTED = 130
_BY_DASK = "Dask starts workers, shards go on"

_Victims = Callable[[list[psutil.Process], random.Random], list[psutil.Process]]


def _one_of(workers: list[psutil.Process], source: random.Random) -> list[psutil.Process]:
    return source.sample(workers, min(1, len(workers)))


def _all_of(workers: list[psutil.Process], source: random.Random) -> list[psutil.Process]:  # noqa: ARG001
    return workers


def kill_workers(world: World, kills: int, seed: int) -> Iterable[Row]:
    """Kill workers, from outside, until there were so many kills."""
    source = random.Random(seed)
    yield _killed(world, "a worker killed at random", kills // 2, source, _one_of, 1.0)
    yield _killed(world, "all workers killed at once", kills // 10, source, _all_of, 6.0)


def kill_openpose_workers(world: World, kills: int, seed: int) -> Iterable[Row]:
    """Kill workers that look for people in the bundled pictures with the bundled network."""
    config = world.config(
        "openpose",
        detector="openpose",
        images_per_shard=4,
        images_per_batch=2,
        max_failure_rate=0.1,
    )
    row = Row("a worker killed, with OpenPose itself", recovered_by=_BY_DASK)
    images, store = sample_images(), world.folder / "openpose.zarr"
    _kill_while_it_runs(
        world, row, (images, store, config), max(kills // 50, 2), random.Random(seed), _one_of, 6.0
    )
    yield row


def kill_writing_workers(world: World, kills: int, seed: int) -> Iterable[Row]:
    """Let Dask's workers, and the flow's process, kill themselves where they write."""
    images, config = world.small_shards()
    row = Row("worker or flow killed while it writes", recovered_by="Dask, or the same command")
    log, store = world.folder / "writing.deaths", world.folder / "writing.zarr"
    for attempt in range(20):
        plan = Plan(str(log), chance=0.004 if attempt < kills // 10 else 0.0, seed=seed + attempt)
        with world.extracting(images, store, config, **plan.environment()) as run:
            status = run.end()
            run.expect_no_process(row)
        if status == 0:
            break
    row.tried = len(log.read_text().splitlines()) if log.exists() else 0
    world.judge(row, images, store, config)
    yield row


def kill_flow(world: World, kills: int, seed: int) -> Iterable[Row]:
    """Kill the flow's process at random moments, and run the same command again."""
    fault, times = "the flow's process killed", max(kills // 25, 2)
    yield _ended_and_begun_again(world, fault, times, seed, signal.SIGKILL, -9)


def press_ctrl_c(world: World, kills: int, seed: int) -> Iterable[Row]:
    """Press Ctrl-C at random moments, and run the same command again."""
    times = max(kills // 50, 2)
    yield _ended_and_begun_again(world, "Ctrl-C", times, seed, signal.SIGINT, _INTERRUPTED)


def run_twice_at_once(world: World, kills: int, seed: int) -> Iterable[Row]:  # noqa: ARG001 - alike
    """Start a second run on a store that another one writes."""
    images, config = world.small_shards()
    row = Row("two runs on one store", recovered_by="the second waits, and finds all done")
    store = world.folder / "twice.zarr"
    with world.extracting(images, store, config, **SLOW) as first:
        first.wait_for(lambda: begun(store))
        with world.extracting(images, store, config) as second:
            row.expect(second.end() == 0, f"the second ended with {second.last_line}")
            row.expect("is held by" in second.output, "the second does not say who holds it")
            row.expect(first.end() == 0, f"the first ended with {first.last_line}")
    row.tried = 1
    world.judge(row, images, store, config)
    yield row


def begun(store: Location) -> bool:
    """Tell whether a worker has begun to write the store."""
    folder = store / "shards"
    return folder.is_dir() and any(folder.iterdir())


def _killed(
    world: World, fault: str, kills: int, source: random.Random, victims: _Victims, pause: float
) -> Row:
    """Disturb runs on store after store until there were so many kills."""
    images, config = world.small_shards()
    row = Row(fault, recovered_by=_BY_DASK)
    while row.tried < kills:
        store = world.folder / f"{fault.replace(' ', '-')}-{row.tried}.zarr"
        _kill_while_it_runs(world, row, (images, store, config), kills, source, victims, pause)
    return row


def _kill_while_it_runs(
    world: World,
    row: Row,
    what: tuple[Path, Location, Path],
    kills: int,
    source: random.Random,
    victims: _Victims,
    pause: float,
) -> None:
    images, store, config = what
    with world.extracting(images, store, config, **SLOW) as run:
        run.wait_for(lambda: begun(store))
        row.tried += kill_at_random(run, kills - row.tried, source, pause, victims)
        row.expect(run.end() == 0, f"{store.name}: {run.last_line}")
        run.expect_no_process(row)
    world.judge(row, images, store, config, store.name)


def kill_at_random(
    run: Run,
    kills: int,
    source: random.Random,
    pause: float,
    victims: _Victims = _one_of,
) -> int:
    """Kill workers again and again until the run ends or that was done so often."""
    killed = 0
    while run.process.poll() is None and killed < kills:
        hit = victims(run.workers(), source)
        for process in hit:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        killed += bool(hit)
        time.sleep(source.uniform(0.5, 1.5) * pause)
    return killed


def _ended_and_begun_again(
    world: World, fault: str, times: int, seed: int, number: signal.Signals, status: int
) -> Row:
    images, config = world.small_shards()
    row, source = Row(fault, recovered_by="the same command again"), random.Random(seed)
    store = world.folder / f"{number.name}.zarr"
    while row.tried < times:
        with world.extracting(images, store, config, **SLOW) as run:
            run.wait_for(lambda: begun(store))
            time.sleep(source.uniform(0, 4))
            run.process.send_signal(number)
            found = run.end()
            row.expect(found == status, f"ended with {found}: {run.last_line}")
            row.tried += 1
            run.expect_no_process(row)
    with world.extracting(images, store, config) as run:
        row.expect(run.end() == 0, run.last_line)
    world.judge(row, images, store, config)
    return row
