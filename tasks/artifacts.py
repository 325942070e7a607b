"""What a flow run shows on its page in the Prefect UI."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from prefect.artifacts import create_markdown_artifact

from tasks.extract import Ledger

MAX_PICTURE_BYTES = 100_000
"""Pictures lie inside the page's text, in Prefect's database; full ones go to disk and MLflow."""


@dataclass(frozen=True)
class Picture:
    """A PNG with the line above it."""

    caption: str
    png: bytes


def show_ledger(ledger: Ledger) -> None:
    """Put the counts of what became of the images, and what went wrong, on the run's page."""
    rows = "\n".join(f"| {status} | {count} |" for status, count in ledger.counts.items())
    text = f"## {ledger.people} people in {ledger.images} images\n\n"
    text += f"| images | |\n|---|---:|\n{rows}\n"
    if ledger.reasons:
        faults = "\n".join(f"| `{name}` | {_cell(reason)} |" for name, reason in ledger.reasons)
        text += f"\n### Images that could not be used\n\n| image | why |\n|---|---|\n{faults}\n"
    create_markdown_artifact(text, key="ledger", description="What became of every image")


def show_pictures(pictures: Sequence[Picture], *, key: str, title: str) -> None:
    """Put pictures on the run's page, inline."""
    parts = [f"## {title}\n"]
    for picture in pictures:
        if len(picture.png) > MAX_PICTURE_BYTES:
            raise ValueError(f"{picture.caption}: {len(picture.png)} bytes are too many to inline")
        encoded = base64.b64encode(picture.png).decode()
        parts.append(f"**{picture.caption}**\n\n![](data:image/png;base64,{encoded})\n")
    create_markdown_artifact("\n".join(parts), key=key, description=title)


def show_table(rows: dict[str, str], *, key: str, title: str) -> None:
    """Put a table of names and values on the run's page."""
    lines = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    create_markdown_artifact(f"## {title}\n\n| | |\n|---|---|\n{lines}\n", key=key)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
