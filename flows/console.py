"""What a person sees in the terminal: a bar for each stage, tables, one line for an error.

Everything but results goes to stderr, so that ``--json`` prints one object on stdout and nothing
else.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from tasks.runtime.progress import Progress as Step
from tasks.runtime.progress import lines_to, progress_to

_QUARTERS = 4


@contextmanager
def progress_bars() -> Iterator[None]:
    """Show a bar for every stage that reports progress inside the block.

    Where stderr is no terminal, such as in a log, each quarter of a stage is a line.
    """
    if not Console(stderr=True).is_terminal:
        with progress_to(_QuarterLines()), lines_to(say):
            yield
        return
    bars = Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
        console=Console(stderr=True),
    )
    with bars, progress_to(_Bars(bars)), lines_to(say):
        yield


def say(text: str) -> None:
    """Print a line for people, on stderr."""
    print(visible(text, but="\n\t"), file=sys.stderr, flush=True)


def visible(text: str, *, but: str = "") -> str:
    """Return a text that cannot steer a terminal, whatever a file is called.

    Args:
        but: Characters that stay as they are.
    """
    harmless = "\N{NO-BREAK SPACE}" + but  # which Python does not call printable
    return "".join(c if c.isprintable() or c in harmless else ascii(c)[1:-1] for c in text)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table of results on stdout."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(visible(str(value)) for value in row))
    Console(soft_wrap=True, markup=False).print(table)


def show_summary(title: str, values: Mapping[str, object]) -> None:
    """Print names and values on stdout, one a line."""
    width = max(map(len, values), default=0)
    print(f"\n{visible(title)}\n")
    for name, value in values.items():
        print(f"  {visible(name):<{width}}  {visible(str(value))}")


def show_values(title: str, values: Mapping[str, Any], as_json: bool) -> None:
    """Print names and values on stdout: for people, or as one JSON object."""
    if as_json:
        print(json.dumps(values, default=str))
    else:
        show_summary(title, values)


def rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values, fractions to three digits."""
    return {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in values.items()
    }


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._of_stage: dict[str, TaskID] = {}

    def __call__(self, step: Step) -> None:
        if step.stage not in self._of_stage:
            self._of_stage[step.stage] = self._bars.add_task(step.stage, note="")
        bar = self._of_stage[step.stage]
        self._bars.update(bar, completed=step.done, total=step.total, note=step.note)


class _QuarterLines:
    def __init__(self) -> None:
        self._shown: dict[str, int] = {}

    def __call__(self, step: Step) -> None:
        quarter = _QUARTERS * step.done // max(step.total, 1)
        if quarter > self._shown.get(step.stage, -1):
            self._shown[step.stage] = quarter
            say(f"{step.stage}: {step.done} of {step.total} {step.note}".rstrip())
