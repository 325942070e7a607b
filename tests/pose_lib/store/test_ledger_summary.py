"""A long ledger in few lines."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pose_lib.keypoints import ImageStatus
from pose_lib.store.ledger import Ledger
from pose_lib.store.ledger_summary import effort, faulty_rows, faulty_share, reason_groups

STATUSES = st.lists(st.sampled_from(list(ImageStatus)), max_size=20)


def ledger(statuses, reasons=None):
    n = len(statuses)
    names = tuple(f"{row:03}.jpg" for row in range(n))
    return Ledger(
        filename=names,
        status=np.array(statuses, np.int64),
        reason=tuple(reasons or [""] * n),
        attempts=np.arange(n, dtype=np.int64),
        seconds=np.arange(n, dtype=np.float32) / 2,
        digest=names,
        n_people=0,
    )


@given(STATUSES)
def test_the_faulty_share_is_that_of_the_faulty_rows_and_every_one_is_in_a_group(statuses):
    table = ledger(statuses)
    assert faulty_share(table.counts()) == len(faulty_rows(table)) / max(len(statuses), 1)
    assert sum(group.count for group in reason_groups(table)) == len(faulty_rows(table))


def test_reasons_that_differ_in_names_and_numbers_are_one_group_told_by_its_first():
    table = ledger(
        [4, 3, 1, 4, 4],
        ["9 x 8 pixels, limit 7", "cut short", "", "6 x 99 pixels, limit 7", "in '/a/b': OSError"],
    )
    groups = reason_groups(table)
    assert [(group.count, group.status) for group in groups] == [
        (2, "failed"),
        (1, "unreadable"),
        (1, "failed"),
    ]
    assert (groups[0].reason, groups[0].example) == ("9 x 8 pixels, limit 7", "000.jpg")


def test_a_hundred_thousand_alike_reasons_are_one_group():
    reasons = [f"cannot open '/photos/{row}.jpg'" for row in range(100_000)]
    assert len(reason_groups(ledger([4] * 100_000, reasons))) == 1


def test_effort_adds_up():
    took = effort(ledger([1, 1, 4]))
    assert (took.attempts, took.most_attempts) == (3, 2)
    assert (took.seconds, took.median_seconds) == (1.5, 0.5)
    assert effort(ledger([])).seconds == 0
