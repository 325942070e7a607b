"""What the orchestration of an extraction costs, from 25,000 images to a million.

    python -m benchmarks.scale [--counts 25000 250000 1000000] [--cost-ms 1] [--json] [--folder DIR]

The network is replaced by a stand-in of a fixed cost (`fixed_cost_detector.py`), so nothing here
says how fast people are found. All else is the true command: `poselift extract` in a process of its
own, with its Prefect server, a local Dask cluster and a store on disk, seen from outside. Then the
same command runs again, with nothing left to do, and `poselift status --json` reads the ledger. The
store must hold each image once, with its own person.

Images are bitmaps of 246 bytes, each of other content, 1,000 to a folder. They are made below
``--folder`` (4 kB of disk each) and deleted at the end. Dask's scheduler lives in the flow's
process. Overhead is wall time of the workers (seconds times their number) beyond the detector's
cost, for each image and with all that starts and ends; beside it, processor time beyond that cost
in all processes together, which other work on the machine does not touch.
"""

import argparse
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr

from benchmarks.fixed_cost_detector import COST_VARIABLE, NAME, numbered_image
from benchmarks.process_tree import Usage, watched
from benchmarks.scale_floors import floors
from tasks.runtime.workspace import HOME_VARIABLE, Workspace

PER_FOLDER = 1000
_ROOT = Path(__file__).parents[1]
_ENTRY_POINT = f"[poselift.detectors]\n{NAME} = benchmarks.fixed_cost_detector\n"


@dataclass(frozen=True)
class Run:
    """One call of a command.

    Attributes:
        marks: Seconds until the first and the last line of each stage of its progress.
        answer: The JSON object that it printed.
    """

    seconds: float
    marks: Mapping[str, tuple[float, float]]
    usage: Usage
    answer: dict[str, object]


Measured = dict[str, float]
"""What one number of images came to, by the label of its row."""


def main() -> None:
    arguments = parsed_arguments()
    measured: list[Measured] = []
    for count in arguments.counts:
        with tempfile.TemporaryDirectory(prefix="scale-", dir=arguments.folder) as folder:
            measured.append(measure(count, Path(folder), arguments.workers, arguments.cost_ms))
        if not arguments.json:
            print(as_text(measured), flush=True)
    if arguments.json:
        print(json.dumps(measured))


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[25_000, 250_000, 1_000_000])
    parser.add_argument("--cost-ms", type=float, default=1.0, help="of the stand-in, an image")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where to make the images; the usual place")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(count: int, folder: Path, workers: int, cost_ms: float) -> Measured:
    """Make the images, run the commands on them, and see what they took."""
    images, store = folder / "images", folder / "store.zarr"
    make_images(images, count)
    environment = prepared_environment(folder, cost_ms)
    config = folder / "scale.toml"
    config.write_text(f'[extract]\ndetector = "{NAME}"\n')
    extract = ["extract", str(images), "--store", str(store), "--config", str(config)]
    extract += ["--workers", str(workers), "--json"]

    load = os.getloadavg()[0]
    first = run_command(extract, environment)
    databases = sorted(Workspace(folder).prefect_home.glob("*.db*"))  # and what is not in it yet
    database = {
        "Prefect's database, MB": sum(path.stat().st_size for path in databases) / 1e6,
        "  its rows": count_rows(databases[0]),
    }
    again = run_command(extract, environment)
    status = run_command(["status", str(store), "--json"], environment)
    for run in (first, again, status):
        assert run.answer["images"] == count, run.answer
    check_store(store, count)
    files = [path for path in store.rglob("*") if path.is_file()]
    return {
        "images": count,
        **costs_of_an_image(first, count, workers, cost_ms),
        **memory(first),
        **database,
        "second run, nothing to do, s": again.seconds,
        "  until the flow begins, s": again.marks["start"][1],
        "  flow process, MB at most": again.usage.peak_bytes["flow"] / 1e6,
        "status --json, s": status.seconds,
        "  MB at most": status.usage.peak_bytes["flow"] / 1e6,
        "files of the store": len(files),
        "MB of the store": sum(path.stat().st_size for path in files) / 1e6,
        "load of the machine before": load,
        **floors(images, folder / "floor.zarr"),
    }


def costs_of_an_image(run: Run, count: int, workers: int, cost_ms: float) -> Measured:
    """Split what a run took."""
    (begun, ended), started = run.marks["detection"], run.marks["start"][1]
    each, cpu = 1000 / count, run.usage.cpu_seconds
    return {
        "first run, s": run.seconds,
        "  overhead, ms of a worker an image": run.seconds * workers * each - cost_ms,
        "  the same in processor time, ms an image": sum(cpu.values()) * each - cost_ms,
        "  start, s": started,
        "  survey and plan, ms an image": (begun - started) * each,
        "  shards, ms an image": (ended - begun) * each,
        "  publish and end, ms an image": (run.seconds - ended) * each,
        "  flow's processor, ms an image": cpu["flow"] * each,
        "  workers' processor, ms an image": cpu["worker"] * each,
        "  Prefect server's processor, s": cpu["server"],
    }


def memory(run: Run) -> Measured:
    labels = {
        "flow": "flow process and scheduler, MB at most",
        "worker": "a worker, MB at most",
        "server": "Prefect server, MB at most",
    }
    return {label: run.usage.peak_bytes[role] / 1e6 for role, label in labels.items()}


def make_images(folder: Path, count: int) -> None:
    for first in range(0, count, PER_FOLDER):
        inside = folder / f"{first // PER_FOLDER:05}"
        inside.mkdir(parents=True)
        for number in range(first, min(first + PER_FOLDER, count)):
            (inside / f"{number:08}.bmp").write_bytes(numbered_image(number))


def prepared_environment(folder: Path, cost_ms: float) -> dict[str, str]:
    """Install the stand-in in a folder, and return the variables of a command that finds it."""
    package = folder / "packages" / "poselift_stand_in-0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: poselift-stand-in\nVersion: 0\n"
    )
    (package / "entry_points.txt").write_text(_ENTRY_POINT)
    return {
        **os.environ,
        "PYTHONPATH": f"{_ROOT}{os.pathsep}{package.parent}",
        HOME_VARIABLE: str(folder),
        COST_VARIABLE: str(cost_ms),
    }


def run_command(arguments: list[str], environment: dict[str, str]) -> Run:
    """Run `poselift` to its end and watch it.

    Raises:
        RuntimeError: If it fails, with what it said.
    """
    begin = time.perf_counter()
    lines: list[str] = []
    marks: dict[str, tuple[float, float]] = {}
    with subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        with watched(process.pid) as usage:
            for line in process.stderr:
                now = time.perf_counter() - begin
                lines.append(line)
                stage = line.partition(":")[0]
                marks[stage] = (marks.get(stage, (now, now))[0], now)
            answer = process.stdout.read()
            process.wait()
    if process.returncode:
        raise RuntimeError(f"poselift {' '.join(arguments)} failed: {''.join(lines)}")
    return Run(time.perf_counter() - begin, marks, usage, json.loads(answer))


def count_rows(database: Path) -> int:
    """Return how many rows all tables of an SQLite database have together."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables = connection.execute(
            "select name from sqlite_master where type = 'table'"
        ).fetchall()
        counts = [connection.execute(f'select count(*) from "{name}"') for (name,) in tables]
        return sum(count.fetchone()[0] for count in counts)


def check_store(store: Path, count: int) -> None:
    """Make sure that every image is there once, with its own person."""
    group = zarr.open_group(store, mode="r")
    rows = 1 << 16
    n_people = group["people/image"].shape[0]
    assert n_people == count, f"{n_people} people in {count} images"
    for first in range(0, count, rows):
        here = slice(first, first + rows)
        numbers = np.arange(first, min(first + rows, count))
        names = [f"{number // PER_FOLDER:05}/{number:08}.bmp" for number in numbers.tolist()]
        assert group["images/filename"][here].tolist() == names
        assert (group["people/image"][here] == numbers).all()
        assert (group["people/keypoints"][here][:, 0, 0] == numbers).all()


def as_cell(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:.3f}"


def as_text(measured: list[Measured]) -> str:
    """Return one table with a column for each number of images, and ratios to the first."""
    rows = []
    for label, first in measured[0].items():
        values = [each[label] for each in measured]
        cells = [
            f"{value:,.{0 if value >= 1000 or value == int(value) else 3}f}" for value in values
        ]
        if label.endswith("an image") and len(measured) > 1:
            cells = [f"{c} (x{v / first:.2f})" for c, v in zip(cells, values, strict=True)]
        rows.append(f"| {' | '.join((label, *cells))} |")
    return "\n".join([rows[0], "|---" + "|---:" * len(measured) + "|", *rows[1:]])


if __name__ == "__main__":
    main()
