"""The ledger for spreadsheets."""

import csv
import io

import numpy as np

from pose_lib.store.ledger import Ledger
from pose_lib.store.ledger_csv import LEDGER_COLUMNS, ledger_csv

HOSTILE = ("a,b.jpg", 'c"d.jpg', "line\nbreak.jpg", "=cmd|' /C calc'!A0.jpg")


def test_every_image_has_a_row_whatever_its_name_and_no_name_is_a_formula():
    n = len(HOSTILE)
    ledger = Ledger(
        filename=HOSTILE,
        status=np.array([1, 2, 3, 4]),
        reason=("", "no person found", "cut short", "@SUM(1)"),
        attempts=np.ones(n, np.int64),
        seconds=np.full(n, 0.12345, np.float32),
        digest=("0" * 32,) * n,
        n_people=1,
    )
    header, *rows = csv.reader(io.StringIO(ledger_csv(ledger), newline=""))
    assert tuple(header) == LEDGER_COLUMNS
    assert [row[0] for row in rows] == [*HOSTILE[:3], f"'{HOSTILE[3]}"]
    assert [row[1] for row in rows] == ["ok", "no person", "unreadable", "failed"]
    assert rows[3][2] == "'@SUM(1)"
    assert {row[4] for row in rows} == {"0.123"}
