"""What processes that were killed leave behind never stands in the way of later ones."""

import pytest

from flows.local import orphaned_runs
from flows.local.orphaned_runs import crash_orphaned_runs
from pose_lib.processes.host import machine_id


@pytest.fixture
def note(tmp_path):
    """The note of a process that is gone, in a folder of its own."""
    path = tmp_path / f"{machine_id()}.{2**22 + 1}.1"  # above any process id
    path.touch()
    return path


@pytest.mark.parametrize("torn", [b"", b"0b9e2c1", b"0b9e2c1\n", bytes(64), b"\xff\xfe\n"])
def test_a_note_that_a_power_failure_tore_is_passed_over(note, torn):
    note.write_bytes(torn)
    crash_orphaned_runs(note.parent)
    assert not note.exists()


def test_of_two_that_start_at_once_the_slower_finds_no_note(note, monkeypatch):
    def quicker(note):
        note.unlink()
        return True

    monkeypatch.setattr(orphaned_runs, "_is_left_over", quicker)
    crash_orphaned_runs(note.parent)
