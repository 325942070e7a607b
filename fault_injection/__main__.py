"""Do to runs what happens on real machines, and print what became of their images: one table.

python -m fault_injection [--only NAME ...] [--kills 200] [--seed 0] [--json]
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from fault_injection.disk_faults import fill_disk, forbid_writing
from fault_injection.image_faults import change_images, huge_image, poison_aborts, poison_grows
from fault_injection.process_faults import (
    kill_flow,
    kill_openpose_workers,
    kill_workers,
    kill_writing_workers,
    press_ctrl_c,
    run_twice_at_once,
)
from fault_injection.report import Row, print_table
from fault_injection.sandbox import World, world
from fault_injection.service_faults import kill_scheduler, kill_workers_on_s3, stop_prefect
from fault_injection.store_faults import kill_writers
from fault_injection.training_faults import stop_mlflow
from flows.local.servers import set_environment
from tasks.runtime.workspace import Workspace

Trial = Callable[[World, int, int], Iterable[Row]]

TRIALS: dict[str, Trial] = {
    "writers": kill_writers,
    "workers": kill_workers,
    "writing-workers": kill_writing_workers,
    "flow": kill_flow,
    "ctrl-c": press_ctrl_c,
    "two-runs": run_twice_at_once,
    "disk-full": fill_disk,
    "read-only": forbid_writing,
    "changed-images": change_images,
    "poison": poison_aborts,
    "memory": poison_grows,
    "huge-image": huge_image,
    "scheduler": kill_scheduler,
    "prefect": stop_prefect,
    "mlflow": stop_mlflow,
    "openpose": kill_openpose_workers,
    "s3": kill_workers_on_s3,
}


def main() -> None:
    arguments = parsed_arguments()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # leaves no process
    names = arguments.only or list(TRIALS)
    with tempfile.TemporaryDirectory() as folder:
        set_environment(Workspace(Path(folder) / "home"))
        with world(Path(folder)) as here:
            rows = list(tried(here, names, arguments.kills, arguments.seed))
    print_table(rows, as_json=arguments.json)


def tried(here: World, names: list[str], kills: int, seed: int) -> Iterator[Row]:
    for name in names:
        start = time.monotonic()
        for row in _rows(name, here, kills, seed):
            row.seconds, start = time.monotonic() - start, time.monotonic()
            found = "skipped" if row.skipped else "as it should be" if row.fine else "WRONG"
            print(f"{row.seconds:4.0f} s  {row.fault}: {found}", file=sys.stderr, flush=True)
            yield row


def _rows(name: str, here: World, kills: int, seed: int) -> Iterator[Row]:
    """Yield a trial's rows; one that cannot even be brought to its end is wrong, and no end."""
    try:
        yield from TRIALS[name](here, kills, seed)
    except Exception as error:  # whatever it is, the other trials say more
        yield Row(name, wrong=[f"{type(error).__name__}: {error}"])


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", nargs="+", choices=TRIALS, metavar="NAME")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
