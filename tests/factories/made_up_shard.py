"""A shard of made-up pictures and a quick detector, for processes that are to be killed."""

import functools
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose_lib.extract.shard import BatchSizer, ShardImage, ShardWork, work_on_shard
from pose_lib.keypoints import People
from pose_lib.skeleton import COCO_18
from pose_lib.store.provenance import Provenance

FORKING = multiprocessing.get_context("forkserver")  # quick, and of a process without threads
FORKING.set_forkserver_preload(["made_up_shard"])
PROVENANCE = Provenance(COCO_18.name, "made up")
POISON = "poison"


@dataclass(frozen=True)
class MadeUpDetector:
    """Finds people who depend on the picture alone; one kind of picture kills it.

    Attributes:
        seconds: What a picture takes.
        poison: What happens where the picture is black.
        log: A line is added to for every picture, if set: who saw it.
    """

    seconds: float = 0.0
    poison: int = signal.SIGABRT
    log: Path | None = None
    skeleton = COCO_18
    min_side = 1

    def detect(self, image):
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{os.getpid()}\n")
        time.sleep(self.seconds)
        if not image.any():
            os.kill(os.getpid(), self.poison)
            time.sleep(60)
        rng = np.random.default_rng(image.ravel())
        count = int(rng.integers(0, 4))
        xyc = rng.integers(1, 100, (count, len(COCO_18), 3)).astype(np.float32)
        return People(xyc, xyc[:, 0, 2])


def made_up_picture(name):
    """A picture of its own for every name; a black one for poison."""
    if name.startswith(POISON):
        return np.zeros((2, 2, 3), np.uint8)
    return np.random.default_rng(list(name.encode())).integers(1, 255, (2, 2, 3), np.uint8)


def work_on(store, names, *, batch_length=4, batch_seconds=0.0, tried=0, read=None, **detector):
    """Do what a worker does for one shard."""
    load = functools.partial(MadeUpDetector, **detector)
    images = [
        ShardImage(
            name, f"digest-{name}", functools.partial(read or made_up_picture, name), _same, tried
        )
        for name in names
    ]
    pace = BatchSizer(batch_length, batch_seconds)
    work_on_shard(store, images, ShardWork(load(), load, pace, PROVENANCE))


def kill_at_work(store, names, *, after_seconds, **detector):
    """Have a process work on the shard, and kill it."""
    worker = FORKING.Process(target=work_on, args=(store, names), kwargs=detector)
    worker.start()
    worker.join(after_seconds)
    worker.kill()
    worker.join()


def assert_found_in_all(keypoints, names):
    """See that these images, and no others, have the people that are found in them undisturbed."""
    assert keypoints.filename == tuple(names)
    for row, name in enumerate(names):
        people, expected = keypoints.people(row), MadeUpDetector().detect(made_up_picture(name))
        np.testing.assert_array_equal(people.keypoints, expected.keypoints)
        np.testing.assert_array_equal(people.score, expected.score)


def _same(size):
    return size
