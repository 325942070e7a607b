import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from pose_lib.errors import InputError
from pose_lib.files import npz
from pose_lib.files.numpy_pickle import (
    NotPlainData,
    float_array,
    items,
    load_plain,
    read_pickled_dict,
)

ROWS = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
CONTENT = {
    "S1": {"Walking 1": ROWS, "by columns": np.asfortranarray(ROWS)},
    "views": [ROWS, ROWS + 0.5, ROWS[:0]],
    "about": {"layout": "h36m", "n": 17, "sides": [[1, 2], (3, 4, 5, 6)], "on": True, "no": None},
}


def written(folder, content, protocol=4):
    """An npz file as numpy writes it, by the protocol that it or an older one took."""
    array = np.empty((), object)
    array[()] = content
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    return packed(folder, header.getvalue() + pickle.dumps(array, protocol=protocol))


def packed(folder, member):
    path = folder / "data.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("content.npy", member)
    return path


@pytest.mark.parametrize("protocol", range(2, 6))
def test_what_numpy_pickled_is_read_as_it_was(tmp_path, protocol):
    read = read_pickled_dict(written(tmp_path, CONTENT, protocol), "content")
    assert read["about"] == CONTENT["about"]
    for name, array in CONTENT["S1"].items():
        np.testing.assert_array_equal(float_array(read["S1"][name]), array)
    views = [float_array(view) for view in items(read["views"])]
    assert [len(view) for view in views] == [2, 2, 0]
    np.testing.assert_array_equal(views[1], ROWS + 0.5)


def test_what_numpy_saves_today_is_read(tmp_path):
    np.savez_compressed(tmp_path / "data.npz", content=CONTENT)
    read = read_pickled_dict(tmp_path / "data.npz", "content")
    np.testing.assert_array_equal(float_array(read["views"][0]), ROWS)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_both_byte_orders_are_read(tmp_path, kind, order):
    path = written(tmp_path, {"a": ROWS.astype(order + kind)})
    np.testing.assert_array_equal(float_array(read_pickled_dict(path, "content")["a"]), ROWS)


class Caller:
    """Pickles as a call of something, with a state to set."""

    def __init__(self, called, *arguments, state=None):
        self.reduced = (called, arguments) if state is None else (called, arguments, state)

    def __reduce__(self):
        return self.reduced


class Plain:
    pass


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("place", ["alone", "value", "deep", "key"])
def test_nothing_that_a_pickle_wants_called_is_called(tmp_path, monkeypatch, protocol, place):
    monkeypatch.chdir(tmp_path)
    harm = Caller(Path.touch, Path("harmed"))
    content = {
        "alone": harm,
        "value": {"S1": harm},
        "deep": {"S1": {"Walking": [ROWS, [harm]]}},
        "key": {harm: 1},
    }[place]
    with pytest.raises(InputError, match="it would call") as refusal:
        read_pickled_dict(written(tmp_path, content, protocol), "content")
    assert "\n" not in str(refusal.value)
    assert not Path("harmed").exists()
    pickle.loads(pickle.dumps(harm))  # noqa: S301 - it would have done harm
    assert Path("harmed").exists()


@pytest.mark.parametrize(
    "content",
    [
        Caller(eval, "1"),
        Caller(exec, ""),
        Caller(getattr, [], "append"),
        Caller(np.load, "other.npy", None, True),
        Caller(np.frombuffer, b"1234"),
        Caller(dict),
        Plain(),
        OrderedDict(a=1),
        {1, 2},
        1 + 2j,
        Caller(np.dtype, "f4", state={"name": "other"}),
    ],
)
def test_what_is_not_plain_data_is_refused(tmp_path, content):
    with pytest.raises((InputError, NotPlainData)):
        float_array(read_pickled_dict(written(tmp_path, {"a": content}), "content")["a"])


@pytest.mark.parametrize(
    "pickled",
    [
        b"(S'true'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'true'\no.",  # OBJ
        b"\x80\x02cos\nsystem\n)\x81.",  # NEWOBJ
        b"\x80\x04\x82\x01.",  # EXT1
        b"\x80\x02Pid\n.",  # PERSID
        b"\x80\x05\x97.",  # NEXT_BUFFER
        b"\x80\x02cnumpy\ndtype\n}X\x01\x00\x00\x00aK\x01sb.",  # BUILD of a name
        b"\x80\x02c_codecs\nencode\nN}X\x01\x00\x00\x00aK\x01s\x86b.",  # attributes of a name
        b"\x80\x02cnumpy\nndarray\n)\x81.",  # an array without content
        b"\x80\x02]]K\x01R.",  # a list called
        b"\x80\x02h\x05.",  # a memo that is not there
        b"\x80\x02u.",  # items without a mark
        b"\x80\x02((0.",  # POP, and marks left over
        b"\x80\x02(.",
        b"\x80\x02B\xff\xff\xff\xff.",  # bytes that are not there
        b"\x80\x02\x8a\x02\x01.",
        b"\x80\x02}]K\x01s.",  # a list for a key
        b"\x80\x02K\x01",  # no end
        b"\xff",
        b"",
    ],
)
def test_instructions_beyond_plain_data_and_torn_ones_are_refused(pickled):
    with pytest.raises(NotPlainData):
        load_plain(pickled)


@pytest.mark.parametrize(
    "array",
    [ROWS.astype(int), ROWS.astype(complex), ROWS.astype("U3"), np.array([{}, 1]), 3.0, "text", []],
)
def test_only_arrays_of_floating_point_numbers_are_arrays(tmp_path, array):
    read = read_pickled_dict(written(tmp_path, {"a": array}), "content")
    with pytest.raises(NotPlainData):
        float_array(read["a"])


@pytest.mark.parametrize("array", [ROWS, np.array(3.0), np.array([{}, {}])])
def test_an_array_that_is_no_pickled_dict_is_refused(tmp_path, array):
    np.savez(tmp_path / "data.npz", content=array)
    with pytest.raises(InputError, match=r"cannot read the dict 'content' in .*data\.npz: "):
        read_pickled_dict(tmp_path / "data.npz", "content")


@pytest.mark.parametrize("member", [b"", b"no npy", b"\x93NUMPY\x01\x00\xff\xff"])
def test_a_torn_member_is_refused(tmp_path, member):
    with pytest.raises(InputError, match="cannot read the dict 'content'"):
        read_pickled_dict(packed(tmp_path, member), "content")


def test_an_array_may_not_claim_more_than_it_has(tmp_path):
    huge = Caller(np._core.multiarray._reconstruct, np.ndarray, (0,), b"b")
    state = (1, (1 << 40, 1 << 20), np.dtype("f8"), False, b"1234")
    huge.reduced = (*huge.reduced, state)
    read = read_pickled_dict(written(tmp_path, {"a": huge}), "content")
    with pytest.raises(NotPlainData, match="does not fit"):
        float_array(read["a"])


def test_a_member_of_unreasonable_size_is_not_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "MAX_FILE_BYTES", 100)
    with pytest.raises(InputError, match="out of all proportion"):
        read_pickled_dict(written(tmp_path, CONTENT), "content")


def test_a_list_that_holds_itself_is_read_once(tmp_path):
    endless = []
    endless.append(endless)
    read = read_pickled_dict(written(tmp_path, {"a": endless}), "content")
    assert items(read["a"])[0] is read["a"]
