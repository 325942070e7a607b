"""Whatever bytes a file holds, its reader returns, or says in one line which file is wrong and how.

The law that ``research/fuzzing/fuzz_readers.py`` holds the readers to for half an hour, here for
some seconds: on what the fuzzer once found (``tests/fuzz_corpus``), on changed valid files, and
on bombs.
"""

import functools
import io
import json
import pickle
import random
import resource
import struct
import tempfile
import time
import tracemalloc
import warnings
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mpii_mat import image_of, person_of, save_release

from pose_lib.config import read_config
from pose_lib.datasets.annotation_files import read_keypoint_truth
from pose_lib.datasets.mpi_inf_3dhp import read_mpi_3dhp_truth
from pose_lib.datasets.mpii_release import read_mpii_release
from pose_lib.errors import InputError
from pose_lib.evaluation.sigmas_toml import read_sigmas
from pose_lib.files.mat import read_mat_variable
from pose_lib.files.npz import FREELY_UNPACKED_BYTES, array_in, read_npy, read_npz
from pose_lib.files.parsing import MAX_TOML_BYTES, read_toml
from pose_lib.formats.openpose_json import read_openpose
from pose_lib.lifting.config import TrainConfig
from pose_lib.store import read_keypoints
from research.fuzzing.fuzz_targets import targets

TARGETS = targets()
CORPUS = Path(__file__).parents[3] / "fuzz_corpus"
FOUND = sorted(path for path in CORPUS.glob("*/*") if path.is_file())
MANY = 10**12
BOMB_BYTES = FREELY_UNPACKED_BYTES + (1 << 20)


@functools.cache
def seeds_of(name):
    """Small valid files of a reader, made once."""
    with tempfile.TemporaryDirectory() as folder:
        return TARGETS[name].seeds(Path(folder))


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_what_the_fuzzer_begins_from_is_valid(name, tmp_path):
    if name == "image_list":
        (tmp_path / "a.jpg").touch()
    for seed in seeds_of(name):
        TARGETS[name].read(TARGETS[name].write(tmp_path, seed))


@pytest.mark.parametrize("found", FOUND, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_the_fuzzer_once_found_is_harmless(found, tmp_path):
    assert_read_or_refused(found.parent.name, found.read_bytes(), tmp_path)


@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(number=st.integers(0, 2**32))
def test_changed_files_are_read_or_refused_in_one_line(name, number, tmp_path):
    chance = random.Random(number)
    data = chance.choice(seeds_of(name))
    for _ in range(chance.choice((1, 2, 4))):
        data = TARGETS[name].mutate(data, lambda piece: changed(piece, chance), chance)
    assert_read_or_refused(name, data, tmp_path)


@pytest.mark.parametrize("name", sorted(TARGETS))
@pytest.mark.parametrize(
    "content", [b"", b"\0", b"{}", b"[]", b"PK\3\4", b"\x93NUMPY", b"\xff" * 99]
)
def test_a_few_bytes_of_nothing_are_refused_or_read(name, content, tmp_path):
    assert_read_or_refused(name, content, tmp_path)


@pytest.mark.parametrize("shape", [(MANY,), (MANY, 0), (2**32, 2**32), (-1,), (2**70,), (3, MANY)])
@pytest.mark.parametrize("descr", ["<f4", "<U1", "<U0", "<f8"])
def test_an_array_that_promises_more_than_it_has_is_refused(shape, descr, tmp_path):
    (tmp_path / "a.npy").write_bytes(npy(descr, shape, bytes(64)))
    with pytest.raises(InputError, match=r"a\.npy"):
        read_npy(tmp_path / "a.npy", "array")


@pytest.mark.parametrize("descr", ["|O", "<c16", "<M8[s]", "|V8", "(1000000,)f8", "f8,f8"])
def test_an_array_of_anything_but_numbers_and_text_is_refused(descr, tmp_path):
    (tmp_path / "a.npy").write_bytes(npy(descr, (1,), bytes(64)))
    with pytest.raises(InputError, match=r"a\.npy"):
        read_npy(tmp_path / "a.npy", "array")


def test_arrays_of_numbers_and_text_come_back_as_numpy_wrote_them():
    for array in (
        *(np.zeros((0, 25, 3), "f4"), np.array(["a", "bü"]), np.array([], str), np.array(3)),
        *(np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)), np.array(["ab"]).astype(">U3")),
    ):
        content = io.BytesIO()
        np.save(content, array)
        np.testing.assert_array_equal(array_in(content.getvalue()), array, strict=True)


@pytest.mark.parametrize("letter", [0x110000, 0xD800, 0xFFFFFFFF])
def test_text_of_letters_that_do_not_exist_is_refused(letter, tmp_path):
    (tmp_path / "a.npy").write_bytes(npy("<U1", (1,), struct.pack("<I", letter)))
    with pytest.raises(InputError, match="letters that do not exist"):
        read_npy(tmp_path / "a.npy", "array")


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_not_unpacked(packing, tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("a.npy", npy("|b1", (BOMB_BYTES,), bytes(BOMB_BYTES)))
    with bounded(path), pytest.raises(InputError, match=r"a\.npz"):
        read_npz(path, "archive", {"a"})


def test_an_archive_that_lies_about_the_size_of_a_member_is_not_unpacked_beyond_it(tmp_path):
    path, bomb = tmp_path / "a.npz", npy("|b1", (BOMB_BYTES,), bytes(BOMB_BYTES))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bomb)
    true, told = (struct.pack("<I", size) for size in (len(bomb), 1000))
    path.write_bytes(path.read_bytes().replace(true, told))
    with bounded(path), pytest.raises(InputError, match=r"a\.npz"):
        read_npz(path, "archive", {"a"})


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"people": ' + "[" * 900 + "]" * 900 + "}",
        '{"people": [{"pose_keypoints_2d": [' + "1e999," * 74 + "NaN]}]}",
        '{"people": [{"pose_keypoints_2d": [' + "9" * 4000 + "]}]}",
        '{"people": [{"pose_keypoints_2d": [' + "9" * 5000 + "]}]}",
        '{"people": [], "image": {"skeleton": []}}',
        '{"people": [], "image": {"size": [1e300, 1]}}',
        '{"people": [], "image": []}',
        "\ud800".encode("utf-8", "surrogatepass"),
    ],
)
def test_json_of_any_shape_is_read_or_refused(text, tmp_path):
    for name in ("openpose_json", "coco_json", "lifter_json", "weights_record"):
        content = text if isinstance(text, bytes) else text.encode()
        assert_read_or_refused(name, content, tmp_path)


def test_ten_million_numbers_are_refused_where_a_person_is_expected(tmp_path):
    path = tmp_path / "a_keypoints.json"
    path.write_text('{"people": [{"pose_keypoints_2d": [' + "1," * 10_000_000 + "1]}]}")
    with bounded(path), pytest.raises(InputError, match="no file of OpenPose has more"):
        read_openpose(path)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000,
        "a = " + "{a=" * 5000,
        "a." * 100_000 + "a = 1",
        '"\u2028".' * 10_000 + "a = 1",
        "a = " + "9" * 5000,
        "seed = 0x" + "f" * 5000,
        "seed = 1e999",
        "a = 1\n" * 2,
        "#" * (MAX_TOML_BYTES + 1),
        "seed = 2024-13-45",
        '[gan]\nwidth = "x"',
        "gan = []",
        '"\\u0000" = 1',
        "x" * 100_000 + " = 1",
    ],
)
def test_toml_of_any_shape_is_refused_in_one_line_and_at_once(text, tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(text)
    start = time.process_time()
    with bounded(path), pytest.raises(InputError, match=r"a\.toml") as raised:
        read_config(path, TrainConfig)
    assert time.process_time() - start < 5
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 2100


@pytest.mark.parametrize("value", ["0x" + "f" * 5000, "[[{a = -18446744073709551616}]]"])
def test_toml_of_longer_numbers_than_it_promises_is_refused(value, tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(f"wrist = {value}")
    with pytest.raises(InputError, match=r"a\.toml: a number of .* bits is far too large"):
        read_sigmas(path)


def test_toml_with_dots_in_values_and_remarks_is_read(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("# well ... then ...\na.b.c = 1.5\n")
    assert read_toml(path, "file") == {"a": {"b": {"c": 1.5}}}


def test_a_mat_reads_as_scipy_reads_it(tmp_path):
    content = {
        "n": 3.5,
        "row": np.arange(5.0),
        "text": "über",
        "whole": np.arange(6, dtype=np.int16),
    }
    for packed in (False, True):
        scipy.io.savemat(tmp_path / "a.mat", {"v": content}, do_compression=packed)
        (ours,) = read_mat_variable(tmp_path / "a.mat", "v", "file")
        theirs = scipy.io.loadmat(tmp_path / "a.mat")["v"][0, 0]
        for name in content:
            np.testing.assert_array_equal(np.ravel(ours[name]), np.ravel(theirs[name]))


def test_cells_in_cells_beyond_all_reason_do_not_end_the_process(tmp_path):
    content = b""
    for _ in range(20_000):
        content = mat_matrix(1, (1, 1), content)
    (tmp_path / "a.mat").write_bytes(mat_file(content, "RELEASE"))
    with pytest.raises(InputError, match="nested more than"):
        read_mpii_release(tmp_path / "a.mat")


@pytest.mark.parametrize("kind", [1, 2, 6])
def test_a_matrix_that_promises_more_than_it_has_is_refused(kind, tmp_path):
    fields = struct.pack("<IIII", 4 << 16 | 5, 8, 1, 8) + b"annolist"
    matrix = mat_matrix(kind, (2**30, 2**10), fields if kind == 2 else b"", "RELEASE")
    (tmp_path / "a.mat").write_bytes(mat_file(matrix, "RELEASE"))
    with bounded(tmp_path / "a.mat"), pytest.raises(InputError, match=r"a\.mat"):
        read_mpii_release(tmp_path / "a.mat")


def test_a_mat_that_unpacks_to_a_thousand_times_its_size_is_not_unpacked(tmp_path):
    packed = zlib.compress(mat_matrix(6, (1, 3 << 20), bytes(24 << 20), "RELEASE"))
    content = b"x" * 124 + b"\x00\x01IM" + struct.pack("<II", 15, len(packed)) + packed
    (tmp_path / "a.mat").write_bytes(content)
    with bounded(tmp_path / "a.mat"), pytest.raises(InputError, match="far too much"):
        read_mpii_release(tmp_path / "a.mat")


def test_a_mat_cut_short_anywhere_is_refused(tmp_path):
    whole = save_release(tmp_path / "a.mat", [image_of("a.jpg", [person_of(np.ones((16, 2)))])])
    content = whole.read_bytes()
    for length in range(0, len(content) - 1, 7):
        whole.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"a\.mat"):
            read_mpii_release(whole)


def test_an_hdf5_file_may_not_lead_to_another_or_promise_what_it_lacks(tmp_path):
    (tmp_path / "TS1").mkdir()
    path = tmp_path / "TS1/annot_data.mat"
    for lay_out in (
        lambda file: file.create_dataset("annot2", (MANY,), "f8", chunks=(1000,)),
        lambda file: file.__setitem__("annot2", h5py.ExternalLink("other.h5", "/a")),
        lambda file: file.__setitem__("annot2", h5py.SoftLink("/annot2")),
        lambda file: file.create_dataset("annot2", (1,), h5py.string_dtype()),
    ):
        with h5py.File(path, "w") as file:
            lay_out(file)
            for key in ("univ_annot3", "valid_frame"):
                file[key] = np.ones((1, 1, 17, 3))
        with bounded(path), pytest.raises(InputError, match=r"annot_data\.mat"):
            read_mpi_3dhp_truth(tmp_path)


@pytest.mark.parametrize("array", ["images/filename", "images/status", "people/keypoints"])
def test_a_store_that_promises_more_than_it_has_is_refused(array, tmp_path):
    files = json.loads(seeds_of("zarr_store")[0])
    files[f"{array}/zarr.json"]["shape"][0] = MANY
    with bounded(Path(__file__)), pytest.raises(InputError, match=r"s\.zarr is damaged"):
        read_keypoints(TARGETS["zarr_store"].write(tmp_path, json.dumps(files).encode()))


def test_no_reader_runs_a_pickle(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("a pickle was loaded")

    content = io.BytesIO()
    np.save(content, np.array([{"a": 1}, None]), allow_pickle=True)
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    for name, target in TARGETS.items():
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            for key in ("joints", "files", "positions_3d", "refused", "kp2d_body25"):
                file.writestr(f"{key}.npy", content.getvalue())
        for data in (content.getvalue(), archive.getvalue(), b"\x80\x04N."):
            assert_read_or_refused(name, data, tmp_path)
        assert target.file


def test_a_message_cannot_break_the_line_nor_command_the_terminal(tmp_path):
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"joint_names": ["\x1b[2J\n\u202e" + "x" * 5000], "images": {}}))
    with pytest.raises(InputError) as raised:
        read_keypoint_truth(path)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 2100


def assert_read_or_refused(name, data, folder):
    path = TARGETS[name].write(folder, data)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        message = refusal(TARGETS[name], path)
    assert message.isprintable()
    assert not message or str(folder) in message
    assert time.process_time() - start < 5


def refusal(target, path):
    """What the reader says against the file; nothing where it reads it."""
    try:
        target.read(path)
    except InputError as error:
        return str(error)
    return ""


class bounded:  # noqa: N801 - used as a word
    """Fails if reading a file takes more than 50 MB beyond what it can be worth."""

    def __init__(self, path):
        self.allowed = 50 * 2**20 + 30 * path.stat().st_size

    def __enter__(self):
        tracemalloc.start()
        self.resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def __exit__(self, *_):
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < self.allowed
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - self.resident < 500 << 10


def changed(piece, chance):
    """Plain bytes with some of them put in, taken out or replaced."""
    start = chance.randrange(len(piece) + 1)
    end = min(len(piece), start + chance.choice((0, 1, 4, 40)))
    return piece[:start] + chance.randbytes(chance.choice((0, 1, 4))) + piece[end:]


def npy(descr, shape, data):
    head = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


def mat_matrix(kind, shape, content, name=""):
    letters = name.encode()
    padded = letters + bytes(-len(letters) % 8)
    body = struct.pack("<IIIIIIii", 6, 8, kind, 0, 5, 8, *shape)
    body += struct.pack("<II", 1, len(letters)) + padded
    data = struct.pack("<II", 9, len(content)) + content if kind == 6 else content
    return struct.pack("<II", 14, len(body + data)) + body + data


def mat_file(matrix, name):
    """A file of one variable; its matrix is given one of that name around it if it has none."""
    named = matrix if name.encode() in matrix else mat_matrix(1, (1, 1), matrix, name)
    return b"x" * 124 + b"\x00\x01IM" + named
