"""The ledger as a table in text: a row for every image."""

import csv
import io
from collections.abc import Iterator

from pose_lib.keypoints import ImageStatus
from pose_lib.store.ledger import Ledger

LEDGER_FILE = "ledger.csv"
LEDGER_COLUMNS = ("filename", "status", "reason", "attempts", "seconds", "digest")

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def ledger_csv(ledger: Ledger) -> str:
    """Return the ledger as CSV, the images in their order.

    A name or reason that a spreadsheet would take for a formula gets an apostrophe before it.

    Source: OWASP, CSV Injection.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(LEDGER_COLUMNS)
    for name, status, reason, *rest in ledger_rows(ledger):
        table.writerow((_inert(name), status, _inert(reason), *rest))
    return text.getvalue()


def ledger_rows(ledger: Ledger) -> Iterator[tuple[str, str, str, int, float, str]]:
    """Yield what `LEDGER_COLUMNS` names of each row, as plain values."""
    labels = {int(status): status.label for status in ImageStatus}
    for row in range(ledger.n_images):
        yield (
            ledger.filename[row],
            labels[int(ledger.status[row])],
            ledger.reason[row],
            int(ledger.attempts[row]),
            round(float(ledger.seconds[row]), 3),
            ledger.digest[row],
        )


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
