"""What it costs to keep a batch of results: `python -m benchmarks.batch_files --old CHECKOUT`.

Batches of 64 images, as a worker writes them: marked as begun, written, the mark removed. With
``--old``, a checkout of the version that kept a batch as a zarr group, both write in turns, each in
a process of its own, so that other work on the machine slows both.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

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
    turns: dict[str, list[list[float]]] = {name: [] for name in checkouts}
    for name, checkout in TURNS * [*checkouts.items()]:
        command = [sys.executable, __file__, "--turn", name, "--batches", str(arguments.batches)]
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        ended = subprocess.run(
            command, env=environment, cwd=checkout, check=True, stdout=subprocess.PIPE
        )
        turns[name].append(json.loads(ended.stdout))
    print(f"{arguments.batches} batches of {N_IMAGES} images, {TURNS} turns each: median\n")
    for name in checkouts:
        wall, cpu, files = (median(column) for column in zip(*turns[name], strict=True))
        print(f"{name}: {wall:6.2f} ms, {cpu:6.2f} ms of a processor, {files:5.1f} files a batch")


def measured(version: str, n_batches: int) -> tuple[float, float, float]:
    """Return milliseconds, those of the processor, and files for each batch."""
    is_new = version == "new"
    face = importlib.import_module(f"pose_lib.{'store' if is_new else 'formats.keypoint_store'}")
    batches = importlib.import_module("pose_lib.store.batches") if is_new else None
    people, ones = _people(), np.ones(N_IMAGES, np.float32)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "s.zarr"
        face.open_store(store, face.Provenance("COCO_18", "made up"))
        wall, cpu, before = 0.0, 0.0, 0
        for number in range(n_batches + 1):
            if number == 1:  # after imports, and files that are made once
                wall, cpu, before = time.perf_counter(), time.process_time(), _n_files(store)
            digests = [f"{number:016x}{row:016x}" for row in range(N_IMAGES)]
            mark = batches and batches.begin_batch(store, batches.shard_key(digests), digests)
            face.write_shard(store, people, digests, ones)
            if batches:
                batches.end_batch(store, mark)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        files = _n_files(store) - before
    return 1e3 * wall / n_batches, 1e3 * cpu / n_batches, files / n_batches


def _people() -> object:
    """Return a person in each image."""
    keypoints = importlib.import_module("pose_lib.keypoints")
    skeleton = importlib.import_module("pose_lib.skeleton").COCO_18
    xyc = np.random.default_rng(0).random((N_IMAGES, len(skeleton), 3), np.float32)
    return keypoints.Keypoints(
        skeleton=skeleton,
        filename=tuple(f"day/{row:04}.jpg" for row in range(N_IMAGES)),
        size=np.full((N_IMAGES, 2), (640, 480), np.int32),
        status=np.ones(N_IMAGES, np.int64),
        reason=("",) * N_IMAGES,
        keypoints=xyc,
        image=np.arange(N_IMAGES),
        score=xyc[:, 0, 2],
    )


def _n_files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


if __name__ == "__main__":
    main()
