"""Progress is told to whoever listens, as long as they do."""

import pytest

from tasks.runtime.progress import Progress, progress_to, report_progress


def test_all_listeners_hear_all_reports_inside_their_block():
    outer, inner = [], []
    report_progress("too early", 0, 1)
    with progress_to(outer.append):
        report_progress("training", 1, 2, "loss 3")
        with progress_to(inner.append):
            report_progress("training", 2, 2)
    report_progress("too late", 1, 1)
    assert outer == [Progress("training", 1, 2, "loss 3"), Progress("training", 2, 2)]
    assert inner == outer[1:]


def test_nobody_listens_after_a_block_that_failed():
    heard = []
    with pytest.raises(KeyError), progress_to(heard.append):
        raise KeyError
    report_progress("training", 1, 1)
    assert heard == []
