"""Files of a sweep: what is to be tried, read from TOML; what came of it, as CSV and Markdown."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from pose_lib.files.parsing import read_toml
from pose_lib.lifting.training.sweep import (
    Outcome,
    Sweep,
    build_sweep,
    columns_of,
    rows_of,
    table_cells,
    table_head,
)

CSV_FILE, MARKDOWN_FILE = "sweep.csv", "sweep.md"


def read_sweep(path: Path) -> Sweep:
    """Read a sweep from a TOML file.

    Raises:
        InputError: If the file is missing or no TOML, or says what cannot be.
    """
    table = read_toml(path, "sweep file")
    return build_sweep(table, where=str(path))


def sweep_csv(outcomes: Sequence[Outcome]) -> str:
    """Return a row for each trial: variant, seed, its figures, and why it was stopped if it was."""
    columns = columns_of(rows_of(outcomes))
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["variant", "seed", *columns, "diverged"])
    for outcome in outcomes:
        figures = [outcome.figures.get(name, "") for name in columns]
        table.writerow(
            [outcome.trial.variant, outcome.trial.config.seed, *figures, outcome.diverged]
        )
    return text.getvalue()


def sweep_markdown(outcomes: Sequence[Outcome]) -> str:
    """Return a row for each variant: means over its seeds, ± their standard deviation."""
    rows = rows_of(outcomes)
    columns = columns_of(rows)
    head = table_head(columns)
    lines = [head, ["---"] * len(head), *(table_cells(row, columns) for row in rows)]
    return "".join(f"| {' | '.join(map(_escaped, line))} |\n" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
