"""Whatever bytes a file holds, its reader returns, or says in one line which file is wrong and how.

Tried on what a fuzzer once found (``tests/fuzz_corpus``), on changed valid files, and on bombs;
see ``docs/fuzzing.md``.
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
from pathlib import Path

import h5py
import numpy as np
import pytest
from file_readers import targets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pose_lib.config import read_config
from pose_lib.datasets.annotation_files import read_keypoint_truth
from pose_lib.datasets.mpi_inf_3dhp import read_mpi_3dhp_truth
from pose_lib.errors import InputError
from pose_lib.files.npz import FREELY_UNPACKED_BYTES, read_npy, read_npz
from pose_lib.files.parsing import MAX_TOML_BYTES
from pose_lib.formats.openpose_json import read_openpose
from pose_lib.lifting.training.config import TrainConfig
from pose_lib.store import read_keypoints

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


@pytest.mark.parametrize("name", sorted(TARGETS.keys() - {"mpii_mat"}))  # scipy, in C, dies of some
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


@pytest.mark.parametrize(
    ("descr", "shape"),
    [
        *[("<f4", shape) for shape in ((MANY,), (2**32, 2**32), (-1,), (2**70,), (3, MANY))],
        *[(descr, (1,)) for descr in ("|O", "<c16", "<M8[s]", "|V8", "f8,f8")],
    ],
)
def test_an_array_of_too_few_bytes_or_of_no_numbers_is_refused(descr, shape, tmp_path):
    (tmp_path / "a.npy").write_bytes(npy(descr, shape, bytes(16)))
    with pytest.raises(InputError, match=r"a\.npy"):
        read_npy(tmp_path / "a.npy", "array")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 25, 3), "f4"),
        np.array(["a", "bü"]),
        np.array([], str),
        np.array(3),
        np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
        np.array(["ab"]).astype(">U3"),
    ],
)
def test_arrays_of_numbers_and_text_come_back_as_numpy_wrote_them(array, tmp_path):
    np.save(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(read_npy(tmp_path / "a.npy", "array"), array, strict=True)


@pytest.mark.parametrize("letter", [0x110000, 0xD800])
def test_text_of_letters_that_do_not_exist_is_refused(letter, tmp_path):
    (tmp_path / "a.npy").write_bytes(npy("<U1", (1,), struct.pack("<I", letter)))
    with pytest.raises(InputError, match=r"a\.npy"):
        read_npy(tmp_path / "a.npy", "array")


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
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
        '{"people": [{"pose_keypoints_2d": [' + "1e999," * 74 + "NaN]}]}",
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
        "a = " + "9" * 5000,
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
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for key in ("joints", "files", "refused", "kp2d_body25"):
            file.writestr(f"{key}.npy", content.getvalue())
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    for name in TARGETS:
        for data in (content.getvalue(), archive.getvalue(), b"\x80\x04N."):
            assert_read_or_refused(name, data, tmp_path)


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
