"""What a flow run shows on its page in the Prefect UI."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass

from prefect import artifacts

from pose_lib.files.locations import Location
from pose_lib.store import read_worst
from pose_lib.store.ledger_csv import LEDGER_COLUMNS, ledger_rows
from tasks.extract import LedgerCounts
from tasks.runtime.retries import retry_while_unreachable

create_markdown_artifact = retry_while_unreachable(artifacts.create_markdown_artifact)
create_table_artifact = retry_while_unreachable(artifacts.create_table_artifact)

MAX_PICTURE_BYTES = 100_000
"""Pictures lie inside the page's text, in Prefect's database; full ones go to disk and MLflow."""

MAX_LEDGER_ROWS = 300
"""So many images does a page's table name, about 60 kB in Prefect's database."""


@dataclass(frozen=True)
class Picture:
    """A PNG with the line above it."""

    caption: str
    png: bytes


def show_ledger(ledger: LedgerCounts) -> None:
    """Put the counts of what became of the images, and what went wrong, on the run's page."""
    create_markdown_artifact(
        _ledger_text(ledger), key="ledger", description="What became of every image"
    )


def show_images(store: Location, ledger: LedgerCounts) -> None:
    """Put a table of the store's images on the run's page: the faulty ones first, not too many."""
    worst = read_worst(store, MAX_LEDGER_ROWS)
    table = [dict(zip(LEDGER_COLUMNS, row, strict=True)) for row in ledger_rows(worst)]
    create_table_artifact(
        table,
        key="ledger-images",
        description=(
            f"{len(table)} of {ledger.images} images, the faulty ones first; all of them: "
            f"`poselift status {store} --csv ledger.csv`"
        ),
    )


def show_pictures(pictures: Sequence[Picture], *, key: str, title: str) -> None:
    """Put pictures on the run's page, inline."""
    text = "\n".join([f"## {title}\n", *map(_inline, pictures)])
    create_markdown_artifact(text, key=key, description=title)


def show_summary(ledger: LedgerCounts, training: dict[str, str], overview: Location) -> None:
    """Put the whole run on one page: the ledger, the training, and the people in 3D.

    Args:
        training: Names and values.
        overview: PNG with everybody who was drawn.
    """
    from pose_lib.plots.figures import smaller_png  # matplotlib takes long to import

    picture = smaller_png(overview.read_bytes(), max_bytes=MAX_PICTURE_BYTES)
    parts = [
        _ledger_text(ledger),
        f"## Training\n\n{_table(training)}",
        f"## 3D poses\n\n{_inline(Picture(str(overview.parent), picture))}",
    ]
    create_markdown_artifact("\n\n".join(parts), key="summary", description="The whole run")


def show_table(rows: dict[str, str], *, key: str, title: str) -> None:
    """Put a table of names and values on the run's page."""
    create_markdown_artifact(f"## {title}\n\n{_table(rows)}", key=key, description=title)


def show_report(
    rows: dict[str, str],
    notes: Sequence[str],
    pictures: Sequence[Picture],
    *,
    key: str,
    title: str,
) -> None:
    """Put a table of names and values, what is to be known, and pictures on the run's page."""
    parts = [f"## {title}", _table(rows), *notes, *map(_inline, pictures)]
    create_markdown_artifact("\n\n".join(parts), key=key, description=title)


def show_sweep(table: str, picture: Picture, *, title: str) -> None:
    """Put a sweep's table, in Markdown, and its picture on the run's page."""
    text = "\n\n".join([f"## {title}", table, _inline(picture)])
    create_markdown_artifact(text, key="sweep", description=title)


def _ledger_text(ledger: LedgerCounts) -> str:
    counts = {status: str(count) for status, count in ledger.counts.items()}
    text = f"## {ledger.people} people in {ledger.images} images\n\n{_table(counts)}"
    if ledger.reasons:
        faults = {f"`{name}`": reason for name, reason in ledger.reasons}
        text += f"\n### Images that could not be used\n\n{_table(faults)}"
    return text


def _table(rows: dict[str, str]) -> str:
    lines = "".join(f"| {_cell(name)} | {_cell(value)} |\n" for name, value in rows.items())
    return f"| | |\n|---|---|\n{lines}"


def _inline(picture: Picture) -> str:
    if len(picture.png) > MAX_PICTURE_BYTES:
        raise ValueError(f"{picture.caption}: {len(picture.png)} bytes are too many to inline")
    encoded = base64.b64encode(picture.png).decode()
    return f"**{_plain(picture.caption)}**\n\n![](data:image/png;base64,{encoded})\n"


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Return a text of one line that is no HTML, whatever a file is called."""
    return html.escape(" ".join(text.splitlines()), quote=False)
