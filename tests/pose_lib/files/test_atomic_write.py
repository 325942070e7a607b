"""A file is there whole or not at all."""

import pytest

from pose_lib.errors import InputError
from pose_lib.files.atomic_write import write_atomic


def test_folders_are_made_and_nothing_else_is_left_beside_the_file(tmp_path):
    write_atomic(tmp_path / "a" / "b.txt", b"new")
    write_atomic(tmp_path / "a" / "b.txt", b"newer")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"newer"


def test_a_folder_that_cannot_be_written_to_is_one_clear_line(tmp_path):
    # A file in the folder's place, for permissions do not stop the tests of a superuser.
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"cannot write .*b\.txt: ") as raised:
        write_atomic(tmp_path / "file" / "b.txt", b"")
    assert "\n" not in str(raised.value)


def test_a_failure_leaves_what_was_there(tmp_path):
    (tmp_path / "b.txt").mkdir()
    with pytest.raises(InputError):
        write_atomic(tmp_path / "b.txt", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]
