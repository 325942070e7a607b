"""The npy pair gives back the people and where they were found."""

import numpy as np
import pytest
from hypothesis import given, settings
from made_up_people import BEARTYPE_DRAWS, keypoints, some_keypoints

from pose_lib.errors import InputError
from pose_lib.formats.npy_pair import read_npy_pair, write_npy_pair
from pose_lib.skeleton import COCO_18, MPI_15

pytestmark = pytest.mark.filterwarnings(BEARTYPE_DRAWS)


@given(keypoints())
@settings(max_examples=40, deadline=None)
def test_people_and_their_images_come_back_the_same(tmp_path_factory, people):
    folder = write_npy_pair(people, tmp_path_factory.mktemp("pair"))
    back = read_npy_pair(folder)
    assert back.skeleton == people.skeleton
    np.testing.assert_array_equal(back.keypoints, people.keypoints)
    assert names_of_people(back) == names_of_people(people)


def test_both_files_load_without_pickle_as_the_contract_says(tmp_path):
    people = some_keypoints(["a.jpg", "été/写真 1.png"])
    write_npy_pair(people, tmp_path)
    xyc = np.load(tmp_path / "keypoints.npy", allow_pickle=False)
    names = np.load(tmp_path / "filenames.npy", allow_pickle=False)
    assert xyc.dtype == np.float32
    assert xyc.shape == (people.n_people, 18, 3)
    assert names.dtype.kind == "U"
    assert names.tolist() == names_of_people(people)
    assert (xyc[xyc[..., 2] == 0] == 0).all()
    assert not np.isnan(xyc).any()


def test_without_the_list_of_joints_their_number_tells_the_skeleton(tmp_path):
    write_npy_pair(some_keypoints(["a.jpg", "b.jpg"]), tmp_path)
    (tmp_path / "joints.txt").unlink()
    assert read_npy_pair(tmp_path).skeleton == COCO_18


def test_the_list_of_joints_tells_skeletons_of_equal_length_apart(tmp_path):
    write_npy_pair(some_keypoints(["a.jpg"], skeleton=MPI_15), tmp_path)
    assert read_npy_pair(tmp_path).skeleton == MPI_15


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("keypoints.npy", np.zeros((3, 18), np.float32), r"\(person, joint, 3\), found float32"),
        ("keypoints.npy", np.zeros((3, 18, 3), np.int64), "expected floats"),
        ("filenames.npy", np.array(["a.jpg"]), "expected .* names, one for each person"),
        ("filenames.npy", np.array([b"a.jpg"] * 4), "expected 4 names"),
        ("filenames.npy", np.array(["../a.jpg"] * 4), "not a relative path"),
        ("joints.txt", b"nose neck", "no known skeleton"),
        ("keypoints.npy", b"no numpy file", "read the numpy file"),
        ("keypoints.npy", b"", "read the numpy file"),
    ],
)
def test_a_pair_that_does_not_fit_is_one_clear_line(tmp_path, name, content, message):
    write_npy_pair(four_people(), tmp_path)
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    else:
        np.save(tmp_path / name, content)
    with pytest.raises(InputError, match=message) as raised:
        read_npy_pair(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_missing_half_is_named(tmp_path):
    write_npy_pair(four_people(), tmp_path)
    (tmp_path / "filenames.npy").unlink()
    with pytest.raises(InputError, match=r"filenames\.npy is missing"):
        read_npy_pair(tmp_path)


def test_pickle_is_never_loaded(tmp_path):
    write_npy_pair(four_people(), tmp_path)
    touched = tmp_path / "touched"
    trap = np.array([Trap(touched)] * 4, dtype=object)
    np.save(tmp_path / "filenames.npy", trap, allow_pickle=True)
    with pytest.raises(InputError, match="read the numpy file"):
        read_npy_pair(tmp_path)
    assert not touched.exists()


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


def four_people():
    people = some_keypoints(["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg"], seed=3)
    rows = np.arange(4)
    return type(people)(
        people.skeleton,
        people.filename[:4],
        people.size[:4],
        np.ones(4, np.int64),
        ("",) * 4,
        people.keypoints[:4],
        rows,
        people.score[:4],
    )


def names_of_people(people):
    return [people.filename[row] for row in people.image]
