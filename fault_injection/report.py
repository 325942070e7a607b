"""The one table: what was done to runs, and what became of them."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from fault_injection.compare import ImageMatch

_COLUMNS = ("fault", "tried", "lost", "doubled", "final state", "recovered by")


@dataclass
class Row:
    """A kind of fault, how often it happened, and what became of the images.

    Attributes:
        tried: How often the fault happened.
        state: State of the last run, as Prefect tells it where there is one.
        recovered_by: What brought the result about.
        wrong: What else was not as it should be, a line each.
        skipped: Why the fault was not tried; empty if it was.
        hits: What was hit how often.
    """

    fault: str
    tried: int = 0
    lost: int = 0
    doubled: int = 0
    state: str = ""
    recovered_by: str = ""
    wrong: list[str] = field(default_factory=list)
    skipped: str = ""
    hits: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def fine(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)

    def add(self, verdict: ImageMatch, where: str = "") -> None:
        """Count what is wrong with a store."""
        self.lost += len(verdict.lost)
        self.doubled += len(verdict.doubled)
        examples = [f"lost {name}" for name in sorted(verdict.lost)[:2]]
        examples += [f"doubled {name}" for name in sorted(verdict.doubled)[:2]]
        self.wrong += [f"{where} {fault}".strip() for fault in (*verdict.faults, *examples)]

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note what should be and is not."""
        if not holds:
            self.wrong.append(otherwise)


def print_table(rows: Iterable[Row], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return
    rows = list(rows)
    cells = [_COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS))]
    ruler = tuple("-" * width for width in widths)
    for line in (cells[0], ruler, *cells[1:]):
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(f"| {' | '.join(padded)} |")
    for row in rows:
        for wrong in row.wrong:
            print(f"WRONG {row.fault}: {wrong}")
    tried = sum(row.tried for row in rows)
    print(f"{tried} faults, {sum(row.seconds for row in rows):.0f} s")


def _cells(row: Row) -> tuple[str, ...]:
    if row.skipped:
        return (row.fault, "0", "", "", "skipped", row.skipped)
    state = row.state if row.fine else f"{row.state} (WRONG)"
    return (row.fault, str(row.tried), str(row.lost), str(row.doubled), state, row.recovered_by)
