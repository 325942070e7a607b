import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from pose_lib.errors import InputError
from pose_lib.openpose.weights.caffemodel_reader import read_caffemodel
from tools.caffe_layers import layer_pieces, message, varint

WEIGHT = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2) - 5
BIAS = np.array([0.5, -0.25], dtype=np.float32)


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    path = tmp_path_factory.mktemp("caffe") / "net.caffemodel"

    def read_bytes(content):
        path.write_bytes(content)
        return read_caffemodel(path)

    return read_bytes


def joined(*pieces):
    return b"".join(pieces)


def field(number, content):
    return joined(*message(number, [content]))


def layer(blob, name=b"conv"):
    return field(100, field(1, name) + field(7, blob))


def current_file():
    return joined(*message(100, layer_pieces("conv", "Convolution", [WEIGHT, BIAS])))


def test_weights_are_read_as_they_were_written(read):
    layers = read(current_file())
    assert list(layers) == ["conv"]
    for found, expected in zip(layers["conv"], [WEIGHT, BIAS], strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.float32


def test_the_first_version_of_the_format_is_read(read):
    sides = joined(*(varint(n << 3) + varint(side) for n, side in enumerate(WEIGHT.shape, 1)))
    blob = sides + field(5, WEIGHT.tobytes())
    (found,) = read(field(2, field(4, b"conv") + field(6, blob)))["conv"]
    np.testing.assert_array_equal(found, WEIGHT)


def test_numbers_one_by_one_in_pieces_or_doubled_are_the_same(read):
    shape = field(7, field(1, joined(*map(varint, WEIGHT.shape))))
    loose_shape = field(7, joined(*(varint(1 << 3) + varint(side) for side in WEIGHT.shape)))
    content = WEIGHT.tobytes()
    one_by_one = joined(*(b"\x2d" + value.tobytes() for value in WEIGHT.ravel()))
    for blob in (
        shape + field(5, content),
        loose_shape + field(5, content),
        shape + one_by_one,
        field(5, content[:40]) + shape + field(5, b"") + field(5, content[40:]),
        shape + field(8, WEIGHT.astype("<f8").tobytes()),
    ):
        np.testing.assert_array_equal(read(layer(blob))["conv"][0], WEIGHT)


def test_what_is_not_needed_is_passed_over(read):
    settings_of_layer = field(106, b"\x08\x10") + varint(9 << 3 | 5) + b"four" + b"\x51eight..."
    no_weights = field(100, field(1, b"relu") + settings_of_layer)
    assert list(read(field(1, b"a net") + no_weights + current_file())) == ["conv"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "0 bytes"),
        (field(1, b"only a name"), "no layers"),
        (layer(field(7, field(1, varint(3))) + field(5, bytes(8))), r"shape \[3\] has 2 values"),
        (layer(field(7, field(1, varint(2**63))) + field(5, bytes(8))), "has 2 values"),
        (layer(field(7, field(1, varint(2**63) + varint(0)))), "has 0 values"),
        (layer(field(5, bytes(7))), "whole numbers"),
        (layer(field(7, field(1, b"\x01" * 100))), "32 axes"),
        (layer(field(7, b"\x08\x01" * 100)), "32 axes"),
        (2 * layer(field(5, bytes(4))), "two layers"),
        (field(100, b"\x38\x01"), "number stands"),
        (layer(b"\x0a\x01\x01"), "message stands"),
        (varint(100 << 3 | 2) + varint(2**60), "ends too early"),
        (b"\xff" * 50, "no number"),
        (b"\x0b\x0c", "wire type 3"),
    ],
)
def test_damaged_and_hostile_files_are_refused_in_one_line(read, content, says):
    with pytest.raises(InputError, match=says) as error:
        read(content)
    assert "\n" not in str(error.value)
    assert "net.caffemodel" in str(error.value)


def test_a_file_cut_short_anywhere_never_gives_weights(read):
    whole = current_file()
    for length in range(len(whole)):
        with pytest.raises(InputError):
            read(whole[:length])


@settings(deadline=None, max_examples=300)
@given(content=st.binary(max_size=200))
def test_any_bytes_give_weights_or_one_line(read, content):
    _read_or_refuse(read, content)


@settings(deadline=None, max_examples=300)
@given(place=st.integers(0, len(current_file()) - 1), put=st.binary(min_size=1, max_size=12))
def test_any_change_gives_weights_or_one_line(read, place, put):
    whole = current_file()
    _read_or_refuse(read, whole[:place] + put + whole[place + len(put) :])


def _read_or_refuse(read, content):
    try:
        layers = read(content)
    except InputError:
        return
    assert sum(blob.nbytes for blobs in layers.values() for blob in blobs) <= 2 * len(content)


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    for path in (tmp_path, tmp_path / "missing.caffemodel"):
        with pytest.raises(InputError, match=path.name):
            read_caffemodel(path)
