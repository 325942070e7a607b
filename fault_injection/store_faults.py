"""Processes that die while they write a store: hundreds of them, without Dask and Prefect.

Each is forked from one that has all modules loaded, so that a death costs little. It does what a
run does: scan, plan, work on all shards, publish. One after the other does so until one gets to
the end.
"""

import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from fault_injection import crash_points as places
from fault_injection.compare import Content, judge, read_content
from fault_injection.crash_points import AFTER, BEFORE, HALF, Plan
from fault_injection.report import Row
from fault_injection.sandbox import World
from fault_injection.stub_detector import NAME
from pose_lib.extract_config import ExtractConfig
from pose_lib.files.locations import Location
from pose_lib.store import gathering
from tasks.extract import extract_shard, plan_missing_shards, publish_store, scan_images
from tasks.runtime.payload import CompressedShard
from tasks.runtime.workspace import HOME_VARIABLE

_MOST_ATTEMPTS = 60


@dataclass(frozen=True)
class Stage:
    """A place of writing to die at.

    Attributes:
        nth: The place is passed up to so many times before.
    """

    name: str
    place: str
    moments: tuple[str, ...]
    nth: int = 1
    within: str = ""


STAGES = (
    Stage("before a batch is marked as begun", places.BEGUN, (BEFORE, HALF), 6),
    Stage("after a batch is marked as begun", places.BEGUN, (AFTER,), 6),
    Stage("while a batch is written", places.BATCH, (BEFORE, HALF), 6),
    Stage("after a batch is written, before its mark is removed", places.BATCH, (AFTER,), 6),
    Stage("while a mark is removed", places.ENDED, (BEFORE, AFTER), 6),
    Stage(
        "while small batches are made a large one",
        places.BATCH,
        (BEFORE, HALF, AFTER),
        1,
        "compact",
    ),
    Stage("while batches are deleted", places.DELETED, (BEFORE, AFTER), 10),
    Stage("while the store is published", places.PUBLISHED, (BEFORE, HALF, AFTER), 60),
    Stage("while a store is made or marked", places.STORE, (BEFORE, HALF, AFTER), 4),
)


def kill_writers(
    world: World, kills: int, seed: int, stages: Sequence[Stage] = STAGES
) -> Iterable[Row]:
    """Kill writers at each stage, until there were so many kills in all."""
    images, config = world.few_images, small_shards()
    undisturbed = world.folder / "undisturbed.zarr"
    with nursery() as processes:
        home = {HOME_VARIABLE: world.own_variables[HOME_VARIABLE]}
        assert processes.work(images, undisturbed, config, home) == 0
        content = read_content(undisturbed)
        source = random.Random(seed)
        for stage in stages:
            yield _stage_row(processes, world, stage, -(-kills // len(stages)), content, source)


def small_shards() -> ExtractConfig:
    return ExtractConfig(detector=NAME, images_per_shard=20, images_per_batch=5)


def _stage_row(
    processes: "Nursery",
    world: World,
    stage: Stage,
    kills: int,
    undisturbed: Content,
    source: random.Random,
) -> Row:
    row, number = Row(f"writer killed {stage.name}", state="published"), 0
    hits: Counter[str] = Counter()
    while hits.total() < kills:
        number += 1
        store = world.folder / f"{stage.name.replace(' ', '-')}-{number}.zarr"
        deaths = _disturbed_run(processes, world, store, stage, kills - hits.total(), source)
        if not deaths:
            row.expect(False, "the place is never passed")
            break
        hits.update(deaths)
        row.add(judge(store, undisturbed), store.name)
    row.tried, row.hits = hits.total(), dict(hits)
    row.recovered_by = "the next attempt"
    return row


def _disturbed_run(
    processes: "Nursery",
    world: World,
    store: Location,
    stage: Stage,
    kills: int,
    source: random.Random,
) -> list[str]:
    """Work on a store with up to 8 deaths, then to the end; return where they were."""
    log = world.folder / f"{store.name}.deaths"
    for attempt in range(_MOST_ATTEMPTS):
        moment = source.choice(stage.moments)
        nth = source.randint(1, stage.nth) if attempt else 1
        plan = Plan(str(log), stage.place, moment, nth, stage.within)
        environment = {HOME_VARIABLE: world.own_variables[HOME_VARIABLE]}
        environment |= plan.environment() if attempt < min(8, kills) else {}
        if processes.work(world.few_images, store, small_shards(), environment) == 0:
            break
    return log.read_text().splitlines() if log.exists() else []


class Nursery:
    """Makes processes that have all modules loaded."""

    def __init__(self, context: ForkServerContext) -> None:
        self._context = context

    def work(
        self, images: Path, store: Location, config: ExtractConfig, environment: dict[str, str]
    ) -> int:
        """Extract in a process of its own; return its exit status."""
        process = self.start(images, store, config, environment)
        process.join()
        return process.exitcode or 0

    def start(
        self, images: Path, store: Location, config: ExtractConfig, environment: dict[str, str]
    ) -> BaseProcess:
        process = self._context.Process(target=extract, args=(images, store, config, environment))
        process.start()
        return process


@contextmanager
def nursery() -> Iterator[Nursery]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    yield Nursery(context)


def extract(
    images: Path, store: Location, config: ExtractConfig, environment: dict[str, str]
) -> None:
    """Do what a run does, all in this process; few batches are many here."""
    os.environ.update(environment)
    gathering._MOST_BATCHES = 8
    inventory = scan_images.fn(str(images), config, store)
    for shard in plan_missing_shards.fn(inventory, store, config, 1, overwrite=False):
        extract_shard.fn(CompressedShard(shard), inventory.source, store, config)
    publish_store.fn(store, inventory, config.selection)
