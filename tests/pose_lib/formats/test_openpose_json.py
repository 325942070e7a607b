"""Importing gives back what was exported, and real OpenPose output is understood."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_people import (
    BEARTYPE_DRAWS,
    assert_same_keypoints,
    image_names,
    keypoints,
    some_keypoints,
)

from pose_lib.errors import InputError
from pose_lib.formats.openpose_json import json_names, read_openpose, write_openpose
from pose_lib.skeleton import BODY_15, BODY_25, COCO_17, COCO_18

pytestmark = pytest.mark.filterwarnings(BEARTYPE_DRAWS)


@given(keypoints())
@settings(max_examples=40, deadline=None)
def test_importing_gives_back_what_was_exported(tmp_path_factory, people):
    folder = tmp_path_factory.mktemp("json")
    write_openpose(people, folder)
    if people.n_images:
        assert_same_keypoints(read_openpose(folder), people)
    else:
        assert not list(folder.iterdir())


@given(st.sets(image_names, max_size=8))
def test_no_two_images_share_a_file(names):
    paths = json_names(sorted(names))
    assert len(set(paths)) == len(names)
    assert all(path.endswith("_keypoints.json") for path in paths)


def test_files_are_named_after_the_stem_unless_it_is_shared():
    names = ["a.jpg", "a.png", "b/a.jpg", "c.tar.jpg", "walk.mp4/000012"]
    assert json_names(names) == [
        "a.jpg_keypoints.json",
        "a.png_keypoints.json",
        "b/a_keypoints.json",
        "c.tar_keypoints.json",
        "walk.mp4/000012_keypoints.json",
    ]


def test_a_name_that_looks_like_another_with_its_suffix_gets_its_own_file():
    assert len(set(json_names(["a.jpg", "a.jpg.png", "a.png"]))) == 3


def test_a_file_has_the_keys_of_version_1_3_and_zeros_for_missing_joints(tmp_path):
    people = some_keypoints(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    write_openpose(people, tmp_path)
    for row, name in enumerate("abcd"):
        document = json.loads((tmp_path / f"{name}_keypoints.json").read_text())
        assert document["version"] == 1.3
        assert len(document["people"]) == len(people.people(row))
        for written, found in zip(document["people"], people.people(row).keypoints, strict=True):
            assert written["pose_keypoints_2d"] == pytest.approx(np.nan_to_num(found).ravel())
            empty = {key for key, value in written.items() if value == []}
            assert empty == {
                "pose_keypoints_3d",
                *(f"{part}_keypoints_{d}d" for part in PARTS for d in (2, 3)),
            }


def test_an_id_is_given_to_one_person_of_an_image_only(tmp_path):
    people = some_keypoints(["a.jpg", "b.jpg", "c.jpg", "d.jpg"], seed=1)
    write_openpose(people, tmp_path)
    documents = [json.loads(path.read_text()) for path in tmp_path.glob("*.json")]
    ids = [[person["person_id"] for person in document["people"]] for document in documents]
    assert max(map(len, ids)) > 1
    assert all(of_image == [[number] for number in range(len(of_image))] for of_image in ids)


def test_lifted_people_have_their_third_dimension(tmp_path):
    people = some_keypoints(["a.jpg", "b.jpg"], skeleton=BODY_15)
    lifted = np.arange(people.n_people * 60, dtype=np.float32).reshape(-1, 15, 4)
    lifted[0, 3] = np.nan
    write_openpose(people, tmp_path, lifted=lifted)
    documents = [json.loads((tmp_path / f"{n}_keypoints.json").read_text()) for n in "ab"]
    written = [p["pose_keypoints_3d"] for d in documents for p in d["people"]]
    assert written[0][12:16] == [0, 0, 0, 0]
    np.testing.assert_array_equal(np.reshape(written, lifted.shape)[1:], lifted[1:])


def test_exporting_again_forgets_images_that_are_no_more_and_keeps_what_others_wrote(tmp_path):
    write_openpose(some_keypoints(["a.jpg", "b.jpg"]), tmp_path)
    foreign = tmp_path / "theirs_keypoints.json"
    foreign.write_text('{"version": 1.2, "people": []}')
    write_openpose(some_keypoints(["b.jpg"]), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b_keypoints.json", foreign.name]


@pytest.mark.parametrize(("skeleton", "seed"), [(COCO_18, 0), (BODY_25, 1)])
def test_files_of_openpose_itself_are_told_by_their_number_of_values(tmp_path, skeleton, seed):
    people = symmetric_people(skeleton, seed)
    write_as_openpose(tmp_path / "walk_000000000000_keypoints.json", people)
    read = read_openpose(tmp_path)
    assert read.skeleton == skeleton
    assert read.filename == ("walk_000000000000",)
    np.testing.assert_allclose(read.keypoints, people, rtol=1e-5)


def test_body_25b_is_told_from_body_25_by_where_the_joints_lie(tmp_path):
    people = symmetric_people(BODY_25, seed=0)
    coco = people[:, BODY_25.indices(COCO_17.joints)]
    write_as_openpose(tmp_path / "a.json", np.concatenate([coco, people[:, 17:]], axis=1))
    read = read_openpose(tmp_path / "a.json")
    assert read.skeleton == COCO_17
    np.testing.assert_allclose(read.keypoints, coco, rtol=1e-5)


def test_the_skeleton_can_be_named(tmp_path):
    people = symmetric_people(BODY_25, seed=0)
    write_as_openpose(tmp_path / "a.json", people)
    read = read_openpose(tmp_path, skeleton=COCO_17)
    np.testing.assert_allclose(read.keypoints, people[:, :17], rtol=1e-5)


def test_real_openpose_output_is_recognized(shared):
    folder = shared / "data" / "openpose_json"
    assert read_openpose(folder / "OpenPoseR_body25").skeleton == BODY_25
    assert read_openpose(folder / "singles").skeleton == BODY_25
    assert read_openpose(folder / "pose2sim_body25b").skeleton == COCO_17


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "expected OpenPose's JSON"),
        ("[]", "is not OpenPose's JSON"),
        ('{"images": []}', "is not OpenPose's JSON"),
        ('{"people": [{"face_keypoints_2d": []}]}', "is not OpenPose's JSON"),
        ('{"people": [{"pose_keypoints_2d": ["x"]}]}', "is not OpenPose's JSON"),
        ('{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}', "3 values a person are of no known"),
        ('{"people": [], "image": {"filename": "../../a.jpg"}}', "not a relative path"),
        ('{"people": [], "image": {"filename": "a", "status": "sad"}}', "unknown status 'sad'"),
        ('{"people": [], "image": {"filename": "a", "skeleton": "X"}}', "unknown skeleton 'X'"),
    ],
)
def test_what_is_not_openposes_is_one_clear_line(tmp_path, text, message):
    (tmp_path / "a_keypoints.json").write_text(text)
    with pytest.raises(InputError, match=message) as raised:
        read_openpose(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_folder_without_json_and_no_folder_are_named(tmp_path):
    with pytest.raises(InputError, match="no OpenPose JSON in"):
        read_openpose(tmp_path)
    with pytest.raises(InputError, match="there is no folder"):
        read_openpose(tmp_path / "missing")


PARTS = ("face", "hand_left", "hand_right")


def symmetric_people(skeleton, seed):
    """Three people whose neck and pelvis lie where OpenPose trains them to: in the middle."""
    rng = np.random.default_rng(seed)
    people = np.concatenate(
        [rng.uniform(0, 500, (3, len(skeleton), 2)), np.ones((3, len(skeleton), 1))], 2
    )
    for middle, sides in (("neck", "shoulder"), ("pelvis", "hip")):
        if middle in skeleton.joints:
            pair = skeleton.indices((f"left_{sides}", f"right_{sides}"))
            people[:, skeleton.index(middle)] = people[:, pair].mean(1)
    return people.astype(np.float32)


def write_as_openpose(path, people):
    people = [{"pose_keypoints_2d": person.ravel().tolist()} for person in people]
    path.write_text(json.dumps({"version": 1.2, "people": people}))
