"""Lifters side by side: flat, published, supervised and this package's own, on the same data.

    python -m research.lifting --rows flat kudo chen elepose links --seeds 0 1 2 --json OUT.json
    python -m research.lifting --rows ours --seeds 0 1 2 --json OUT.json
    python -m research.lifting --budget published --rows elepose --json OUT.json
    python -m research.lifting --table OUT.json

Trained on MPII's 2D annotations and scored on 3D truth that nothing is trained on. Two references
are given motion capture's 3D and say so. ``--budget same`` gives everybody the same seconds of one
core, ``--budget published`` each its own steps. Results are added to ``--json`` one by one, and
what is there is not computed again, so that a table can be made in pieces.
"""

import argparse
import functools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import torch

from pose_lib.datasets.pose_truth import PoseTruth, read_pose_truth
from pose_lib.lifting.evaluate import score_poses
from pose_lib.lifting.files.lifter_folder import bundled_lifter
from pose_lib.lifting.training.config import DEMO
from pose_lib.training_data import read_training_poses
from research.baselines import chen, elepose, flat, kudo, links, mocap, neighbor, ours, supervised
from research.baselines.training import PUBLISHED, SAME, Budget, Trained

SHARED = Path(__file__).parents[2] / "shared" / "data"
TRAINING = "mpii/annotations/mpii_train_full16.npz"
MOCAP = "mocap/cmu_train.npz"
TRUTH = "mocap/eval_val_2d3d.npz"
SECONDS = 180.0


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        title: The method.
        train: Trains it, see ``research.baselines``.
        uses_3d: It is given motion capture's 3D instead of MPII's 2D.
    """

    title: str
    train: Callable[..., Trained]
    uses_3d: bool = False


def demo(poses, *, budget, seed) -> Trained:
    """Train as the demonstration does, on as many people as it has."""
    whole = poses[(poses[..., 2] > 0).all(1)][:2000]
    return ours.train(whole, budget=budget, seed=seed, config=DEMO)


def bundled(_poses, *, budget, seed) -> Trained:  # noqa: ARG001 - trained already
    return supervised.lifter_trained(bundled_lifter(), ours.Curve())


ROWS = {
    "flat": Row("flat, all depths zero", flat.train),
    "neighbor": Row("nearest projected pose", neighbor.train, uses_3d=True),
    "kudo": Row("Kudo 2018", kudo.train),
    "chen": Row("Chen 2019", chen.train),
    "elepose": Row("ElePose 2022", elepose.train),
    "links": Row("LInKs 2023", links.train),
    "supervised": Row("supervised", supervised.train, uses_3d=True),
    "ours": Row("ours", ours.train),
    **{
        f"without-{missing.replace(' ', '-')}": Row(
            f"ours without {missing}", functools.partial(ours.train, variant=variant)
        )
        for missing, variant in ours.VARIANTS.items()
    },
    "demo": Row("demonstration, 2,000 people", demo),
    "bundled": Row("bundled", bundled),
}
"""By the name on the command line, in the order of the table."""


def main() -> None:
    options = _options()
    if options.table:
        print(markdown_table(json.loads(options.table.read_text())))
        return
    torch.set_num_threads(1)
    budget = Budget(options.seconds if options.budget == SAME else None)
    results = Results.read(options.json)
    for name in options.rows:
        for seed in options.seeds:
            key = {"row": name, "budget": budget.name, "seconds": budget.seconds, "seed": seed}
            if options.again or not results.has(key):
                results.put(key | measure(ROWS[name], options.data, budget, seed))
    print(markdown_table(results.records))


def measure(row: Row, data: Path, budget: Budget, seed: int) -> dict:
    """Train one row from one seed; return its scores and what it took."""
    truth = read_pose_truth(data / TRUTH)
    poses = mocap.read_mocap(data / MOCAP) if row.uses_3d else training_poses(data)
    start = time.process_time()
    torch.set_float32_matmul_precision("medium")  # bfloat16 products, where the processor has them
    trained = row.train(poses, budget=budget, seed=seed)
    torch.set_float32_matmul_precision("highest")
    measured = {
        "core_seconds": round(time.process_time() - start, 1),
        "steps": trained.curve.steps,
        "scores": scores(trained, truth),
        "losses": trained.curve.means(),
    }
    clean = measured["scores"]["clean"]["pa_mpjpe"]
    print(f"{row.title}, {budget.name}, seed {seed}: {clean:.1f} mm", flush=True)
    return measured


@functools.cache
def training_poses(data: Path):
    return read_training_poses([data / TRAINING]).poses


def scores(trained: Trained, truth: PoseTruth) -> dict[str, dict]:
    """Return the scores on exact 2D, on noisy 2D, and on exact 2D of known proportions."""
    lifted = {"clean": trained.lift(truth.clean), "noisy": trained.lift(truth.noisy)}
    if trained.lift_conditioned:
        lifted["told"] = trained.lift_conditioned(truth.clean)
    return {name: score_poses(poses, truth.joints3d) for name, poses in lifted.items()}


@dataclass(frozen=True)
class Results:
    """What was measured, each by row, budget, seconds and seed; kept in a file if there is one."""

    path: Path | None
    records: list[dict]

    @classmethod
    def read(cls, path: Path | None) -> "Results":
        return cls(path, json.loads(path.read_text()) if path and path.exists() else [])

    def has(self, key: dict) -> bool:
        return any(key.items() <= record.items() for record in self.records)

    def put(self, record: dict) -> None:
        """Add a record, in place of the one it repeats, and write all."""
        key = {name: record[name] for name in ("row", "budget", "seconds", "seed")}
        self.records[:] = [old for old in self.records if not key.items() <= old.items()]
        self.records.append(record)
        if self.path:
            beside = self.path.with_suffix(".part")
            beside.write_text(json.dumps(self.records, indent=1))
            beside.replace(self.path)


COLUMNS: dict[str, Callable[[dict], float | None]] = {
    "PA": lambda record: record["scores"]["clean"]["pa_mpjpe"],
    "PA, reflected": lambda record: record["scores"]["clean"]["pa_mpjpe_reflected"],
    "PA, conditioned": lambda record: record["scores"].get("told", {}).get("pa_mpjpe"),
    "PA, noisy": lambda record: record["scores"]["noisy"]["pa_mpjpe"],
    "N-MPJPE": lambda record: record["scores"]["clean"]["n_mpjpe"],
    "PCK %": lambda record: 100 * record["scores"]["clean"]["pck150"],
    "AUC %": lambda record: 100 * record["scores"]["clean"]["auc"],
    "mirrored %": lambda record: 100 * record["scores"]["clean"]["mirror_rate"],
}


def markdown_table(records: list[dict]) -> str:
    """Return a line for each row and budget: mean and standard deviation over its seeds."""
    head = ("method", "learns from", "budget", "seeds", "steps", "core s", *COLUMNS)
    lines = [head, ("---",) * len(head)]
    order = {name: place for place, name in enumerate(ROWS)}
    known = [record for record in records if record["row"] in order]
    for name, budget, seconds in sorted(
        {(record["row"], record["budget"], record["seconds"] or 0) for record in known},
        key=lambda key: (*key[1:], order[key[0]]),
    ):
        key = {"row": name, "budget": budget, "seconds": seconds or None}
        same = [record for record in known if key.items() <= record.items()]
        lines.append(_line(ROWS[name], budget, same))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(row: Row, budget: str, same: list[dict]) -> tuple[str, ...]:
    return (
        row.title,
        "3D" if row.uses_3d else "2D",
        budget,
        str(len(same)),
        f"{mean(record['steps'] for record in same):,.0f}",
        f"{mean(record['core_seconds'] for record in same):,.0f}",
        *(_mean_and_spread([column(record) for record in same]) for column in COLUMNS.values()),
    )


def _mean_and_spread(values: list[float | None]) -> str:
    numbers = [value for value in values if value is not None]
    if not numbers:
        return "-"
    spread = f" ± {stdev(numbers):.1f}" if len(numbers) > 1 else ""
    return f"{mean(numbers):.1f}{spread}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--budget", choices=(SAME, PUBLISHED), default=SAME)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of one core, for `same`")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--data", type=Path, default=SHARED, help="folder of the development data")
    parser.add_argument("--json", type=Path, help="add results to this file, and skip what it has")
    parser.add_argument("--again", action="store_true", help="compute also what the file has")
    parser.add_argument("--table", type=Path, metavar="JSON", help="only print the table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
