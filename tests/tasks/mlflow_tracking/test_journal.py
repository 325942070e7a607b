"""Journals on disk: whole lines in order, each step once, whatever happens to the file."""

import errno
import os

import pytest

from pose_lib.errors import InputError
from tasks.mlflow_tracking.client import connect
from tasks.mlflow_tracking.journal import WHOLE, Journal
from tasks.mlflow_tracking.outbox import Sender


@pytest.fixture
def path(tmp_path):
    return tmp_path / "place" / "journal.jsonl"


def test_what_was_told_is_there_again(path):
    first = _journal(path, 3)
    again = Journal(path)
    assert again.entries == first.entries
    assert again.token == first.token
    assert again.history() == [(step, {"loss": step / 2}) for step in (1, 2, 3)]
    assert again.last() == {"loss": 1.5}


def test_a_step_is_told_once_whoever_does_it_again(path):
    _journal(path, 3)
    again = Journal(path)
    for step in range(1, 6):
        again.log_metrics(WHOLE, {"loss": step / 2}, step)
    assert [step for step, _ in again.history()] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "tail", [b'{"run":"","at":1,"st', b"\0\0\0\0\n", b'{"journal":"x"}\n', b"7\n"]
)
def test_a_damaged_end_is_cut_off_and_told_again(path, tail):
    whole = _journal(path, 3)
    with path.open("ab") as file:
        file.write(tail)
    again = Journal(path)
    assert again.entries == whole.entries
    again.log_metrics(WHOLE, {"loss": 2.0}, 4)
    assert [step for step, _ in Journal(path).history()] == [1, 2, 3, 4]


def test_while_the_disk_is_full_what_is_told_waits_in_its_order(path, monkeypatch):
    journal, real = _journal(path, 1), os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, lines: real(file, lines[:7]))  # and no more
        journal.log_metrics(WHOLE, {"loss": 1.0}, 2)
        assert journal.trouble == os.strerror(errno.ENOSPC)
        assert journal.n_kept < len(journal.entries)
        assert [step for step, _ in Journal(path).history()] == [1]
    journal.log_metrics(WHOLE, {"loss": 1.5}, 3)
    assert journal.trouble == ""
    assert [step for step, _ in Journal(path).history()] == [1, 2, 3]


def test_a_journal_that_cannot_be_begun_is_bad_input(tmp_path):
    (tmp_path / "place").touch()
    with pytest.raises(InputError, match="cannot write"):
        Journal(tmp_path / "place" / "journal.jsonl")


def test_what_another_journal_had_sent_is_not_taken_for_sent(workspace, path):
    Sender(_journal(path, 3)).send()
    path.write_bytes(b"")
    anew = _journal(path, 2)
    sender = Sender(anew)
    sender.send()
    history = connect().get_metric_history(sender.run_id(), "loss")
    assert [point.step for point in history] == [1, 2]


def test_a_deleted_run_is_told_all_over_again(workspace, path):
    journal = _journal(path, 3)
    first = Sender(journal)
    first.send()
    connect().delete_run(first.run_id())
    second = Sender(journal)
    second.send()
    assert second.run_id() != first.run_id()
    history = connect().get_metric_history(second.run_id(), "loss")
    told = [entry["at"] for entry in journal.entries if "metrics" in entry]
    assert [(point.step, point.timestamp) for point in history] == list(enumerate(told, start=1))


def test_sent_twice_is_there_once(workspace, path):
    journal = _journal(path, 3)
    first = Sender(journal)
    first.send()
    path.with_name("sent.json").unlink()  # as if killed before it was noted
    second = Sender(journal)
    second.send()
    assert second.run_id() == first.run_id()
    assert len(connect().get_metric_history(first.run_id(), "loss")) == 3


def _journal(path, n_steps):
    journal = Journal(path)
    journal.begin(WHOLE, experiment="tests", name="training", tags={}, within=None)
    for step in range(1, n_steps + 1):
        journal.log_metrics(WHOLE, {"loss": step / 2}, step)
    return journal
