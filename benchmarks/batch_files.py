"""What it costs to keep a batch of results: `python -m benchmarks.batch_files --old CHECKOUT`.

Batches of 64 images, as a worker writes them: marked as begun, written, the mark removed. With
``--old``, a checkout of the version that kept a batch as a zarr group, both write in turns in one
run, each in a process of its own, so that other work on the machine slows both.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

N_IMAGES, TURNS = 64, 3


def main() -> None:
    """Print a line for each way of keeping a batch; it calls itself for each turn."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--old", type=Path, help="a checkout that keeps a batch as a zarr group")
    parser.add_argument("--turn", choices=("new", "old"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.turn:
        print(json.dumps(measured(arguments.turn, arguments.batches)))
        return
    checkouts = {"old": arguments.old, "new": Path.cwd()} if arguments.old else {"new": Path.cwd()}
    turns = [
        (name, _turn(name, path, arguments.batches)) for name, path in TURNS * [*checkouts.items()]
    ]
    print(f"{arguments.batches} batches of {N_IMAGES} images, {TURNS} turns each: median\n")
    for name in checkouts:
        wall, cpu, files = (median(turn[i] for key, turn in turns if key == name) for i in range(3))
        print(f"{name}: {wall:6.2f} ms, {cpu:6.2f} ms of a processor, {files:5.1f} files a batch")


def measured(version: str, n_batches: int) -> tuple[float, float, float]:
    """Return milliseconds, those of the processor, and files for each batch."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "s.zarr"
        keep = _old_way(store) if version == "old" else _new_way(store)
        keep(0)  # imports, and files that are made once
        before, wall, cpu = _n_files(store), time.perf_counter(), time.process_time()
        for number in range(1, n_batches + 1):
            keep(number)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        files = (_n_files(store) - before) / n_batches
    return 1e3 * wall / n_batches, 1e3 * cpu / n_batches, files


def _new_way(store: Path) -> Callable[[int], None]:
    from pose_lib.keypoints import Keypoints
    from pose_lib.skeleton import COCO_18
    from pose_lib.store import Provenance, open_store
    from pose_lib.store.batches import begin_batch, end_batch, shard_key, write_batch
    from pose_lib.store.ledger import ExtractionResults

    origin = Provenance(COCO_18.name, "made up")
    open_store(store, origin)

    def keep(number: int) -> None:
        digests = _digests(number)
        key = shard_key(digests)
        mark = begin_batch(store, key, digests)
        people = Keypoints(COCO_18, *_columns(len(COCO_18)))
        write_batch(store, key, ExtractionResults(people, digests, *_effort()), origin)
        end_batch(store, mark)

    return keep


def _old_way(store: Path) -> Callable[[int], None]:
    import importlib  # of modules that are in no later version

    from pose_lib.keypoints import Keypoints
    from pose_lib.skeleton import COCO_18

    old = importlib.import_module("pose_lib.formats.keypoint_store")
    old.open_store(store, old.Provenance(COCO_18.name, "made up"))

    def keep(number: int) -> None:
        people = Keypoints(COCO_18, *_columns(len(COCO_18)))
        old.write_shard(store, people, _digests(number), _effort()[1])

    return keep


def _turn(version: str, checkout: Path, n_batches: int) -> tuple[float, float, float]:
    command = [sys.executable, __file__, "--turn", version, "--batches", str(n_batches)]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    ended = subprocess.run(
        command, env=environment, cwd=checkout, check=True, capture_output=True, text=True
    )
    wall, cpu, files = json.loads(ended.stdout)
    return wall, cpu, files


def _columns(n_joints: int) -> tuple[Any, ...]:
    """Return names, sizes, statuses, reasons and a person for each image."""
    people = np.random.default_rng(0).random((N_IMAGES, n_joints, 3), np.float32)
    return (
        tuple(f"day/{row:04}.jpg" for row in range(N_IMAGES)),
        np.full((N_IMAGES, 2), (640, 480), np.int32),
        np.ones(N_IMAGES, np.int64),
        ("",) * N_IMAGES,
        people,
        np.arange(N_IMAGES),
        people[:, 0, 2],
    )


def _effort() -> tuple[np.ndarray, np.ndarray]:
    return np.ones(N_IMAGES, np.int32), np.ones(N_IMAGES, np.float32)


def _digests(number: int) -> tuple[str, ...]:
    return tuple(f"{number:016x}{row:016x}" for row in range(N_IMAGES))


def _n_files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


if __name__ == "__main__":
    main()
