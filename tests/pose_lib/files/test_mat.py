"""MATLAB's files come as plain values, and what is none says so."""

import numpy as np
import pytest
import scipy.io

from pose_lib.errors import InputError
from pose_lib.files.mat import read_mat

CONTENT = {
    "number": 3.5,
    "row": np.arange(5.0),
    "text": "über",
    "empty": np.zeros((0, 0)),
    "struct": {"x": 1, "inner": {"y": "a"}},
    "cells": np.array([np.zeros((0, 0)), {"x": 2}, "b"], object),
}


@pytest.mark.parametrize("packed", [False, True])
def test_values_are_plain_whatever_they_lie_in(tmp_path, packed):
    scipy.io.savemat(tmp_path / "a.mat", {"v": CONTENT}, do_compression=packed)
    value = read_mat(tmp_path / "a.mat", "file")["v"]
    assert (value["number"], value["text"]) == (3.5, "über")
    assert value["struct"] == {"x": 1, "inner": {"y": "a"}}
    assert value["cells"][1:] == [{"x": 2}, "b"]
    assert len(value["empty"]) == len(value["cells"][0]) == 0
    np.testing.assert_array_equal(value["row"], np.arange(5.0))


def test_a_struct_array_and_a_cell_array_of_structs_are_one(tmp_path):
    structs = np.array([(1.0,), (2.0,)], [("x", object)])
    cells = np.array([{"x": 1.0}, {"x": 2.0}], object)
    scipy.io.savemat(tmp_path / "a.mat", {"structs": structs, "cells": cells})
    value = read_mat(tmp_path / "a.mat", "file")
    assert value["structs"] == value["cells"] == [{"x": 1.0}, {"x": 2.0}]


def test_a_file_of_version_7_3_says_how_to_save_it(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400))
    with pytest.raises(InputError, match=r"a\.mat: it is .* version 7\.3; .* save it with -v7"):
        read_mat(tmp_path / "a.mat", "file")


def test_a_file_that_is_cut_short_or_is_none_is_one_clear_line(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"v": CONTENT}, do_compression=True)
    content = path.read_bytes()
    for damaged in (*(content[:length] for length in range(0, len(content) - 1, 9)), b"x" * 999):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"cannot read the file .*a\.mat: ") as raised:
            read_mat(path, "file")
        assert "\n" not in str(raised.value)


def test_a_file_that_unpacks_to_a_thousand_times_its_size_is_not_unpacked(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"v": np.zeros(3 << 20)}, do_compression=True)
    with pytest.raises(InputError, match=r"a\.mat: it unpacks to far too much"):
        read_mat(tmp_path / "a.mat", "file")
