import json

import numpy as np
import pytest
from mpii_mat import image_of, person_of, save_release

from pose_lib.datasets.annotation_files import read_keypoint_truth
from pose_lib.errors import InputError
from pose_lib.skeleton import COCO_17, MPII_16

SHORT = [joint.replace("right_", "r_").replace("left_", "l_") for joint in MPII_16.joints]
PERSON = {
    "joints": [[10.0 + place, 20.0] for place in range(16)],
    "visible": [1] * 16,
    "headsize": 12.5,
    "center": [5, 6],
    "scale": 1,
}
LABELED = {"image_id": 7, "keypoints": [1, 2, 2] * 17, "area": 50, "bbox": [1, 2, 3, 4]}


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "truth.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def test_mpii_people_stand_in_their_images_with_size_and_place(write):
    bare = {key: PERSON[key] for key in ("joints", "visible")}
    truth = read_keypoint_truth(
        write({"joint_names": SHORT, "images": {"b.jpg": [PERSON, bare], "a.jpg": []}})
    )
    assert truth.skeleton == MPII_16
    assert truth.filename == ("a.jpg", "b.jpg")
    assert truth.image.tolist() == [1, 1]
    np.testing.assert_array_equal(truth.head_size, [12.5, np.nan])
    np.testing.assert_array_equal(truth.center, [[5, 6], [np.nan, np.nan]])


def test_mpii_joints_are_found_by_name_in_any_order(write):
    turned = {**PERSON, "joints": PERSON["joints"][::-1]}
    one, other = (
        read_keypoint_truth(write({"joint_names": names, "images": {"a.jpg": [person]}}))
        for names, person in ((SHORT, PERSON), (SHORT[::-1], turned))
    )
    np.testing.assert_array_equal(one.keypoints, other.keypoints)


def test_an_mpii_joint_at_the_origin_is_not_annotated_and_others_may_be_hidden(write):
    person = {
        **PERSON,
        "joints": [[0, 0], *PERSON["joints"][1:]],
        "visible": [0, 0, *[1] * 14],
    }
    truth = read_keypoint_truth(write({"joint_names": SHORT, "images": {"a.jpg": [person]}}))
    assert np.isnan(truth.keypoints[0, 0, :2]).all()
    assert truth.keypoints[0, :, 2].tolist() == [0] + [1] * 15
    assert truth.visible[0].tolist() == [False, False] + [True] * 14


def test_of_a_crop_no_size_of_the_whole_photograph_is_kept(write):
    truth = read_keypoint_truth(write({"joint_names": SHORT, "crops": {"a.png": PERSON}}))
    assert len(truth) == 1
    assert np.isnan(truth.head_size).all()
    assert np.isnan(truth.center).all()


def test_coco_people_come_with_area_box_and_crowd_in_the_order_of_image_ids(write):
    content = {
        "images": [{"id": 9, "file_name": "x/9.jpg"}, {"id": 7, "file_name": "x/7.jpg"}],
        "annotations": [
            {**LABELED, "image_id": 9, "iscrowd": 1},
            {**LABELED, "keypoints": [0, 0, 0, 5, 6, 1] + [3, 4, 2] * 15},
            {"image_id": 9, "category_id": 3, "bbox": [1, 2, 3, 4]},  # a car
        ],
    }
    truth = read_keypoint_truth(write(content))
    assert truth.skeleton == COCO_17
    assert truth.filename == ("x/7.jpg", "x/9.jpg")
    assert truth.image.tolist() == [0, 1]
    assert truth.crowd.tolist() == [False, True]
    assert truth.box.tolist() == [[1, 2, 3, 4]] * 2
    assert truth.keypoints[0, :, 2].tolist() == [0] + [1] * 16
    assert truth.visible[0].tolist() == [False, False] + [True] * 15


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        ("no json", "no JSON"),
        ("[]", "no annotated people"),
        ("{}", "no annotated people"),
        ({"images": {}, "joint_names": SHORT}, "nobody is annotated"),
        ({"images": {"a.jpg": [PERSON]}, "joint_names": SHORT[:15]}, "joint_names"),
        ({"images": {"a.jpg": [{**PERSON, "visible": [1]}]}, "joint_names": SHORT}, "visible"),
        ({"images": {"a.jpg": [{"visible": [1]}]}, "joint_names": SHORT}, "lacks 'joints'"),
        ({"images": {"a.jpg": [{**PERSON, "joints": "x"}]}, "joint_names": SHORT}, "truth.json"),
        ({"images": {"a.jpg": 3}, "joint_names": SHORT}, "truth.json"),
        ({"images": [], "annotations": [LABELED]}, "lacks 7"),
        ({"images": [{"id": 7}], "annotations": [LABELED]}, "lacks 'file_name'"),
        (
            {
                "images": [{"id": 7, "file_name": "a.jpg"}],
                "annotations": [{**LABELED, "keypoints": [1] * 50}],
            },
            "keypoints must have the shape",
        ),
        ({"images": [{"id": 7, "file_name": "a.jpg"}], "annotations": []}, "nobody is annotated"),
    ],
)
def test_what_is_no_truth_is_one_clear_line(write, content, culprit):
    with pytest.raises(InputError, match=culprit) as caught:
        read_keypoint_truth(write(content))
    assert "truth.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_of_mpiis_own_file_the_images_that_somebody_annotated_are_kept(tmp_path):
    xy = np.array(PERSON["joints"])
    people = [person_of(xy, head=(0, 0, 30, 40)), person_of(None)]
    images = [image_of("test.jpg", [person_of(None)]), image_of("train.jpg", people)]
    truth = read_keypoint_truth(save_release(tmp_path / "mpii.mat", images))
    assert truth.filename == ("train.jpg",)
    assert truth.image.tolist() == [0, 0]
    np.testing.assert_array_equal(truth.keypoints[0, :, :2], xy)
    assert truth.head_size[0] == pytest.approx(0.6 * 50)


def test_a_missing_file_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match=r"missing\.json: No such file"):
        read_keypoint_truth(tmp_path / "missing.json")


def test_the_files_at_hand_are_read(shared):
    data = shared / "data"
    people = {
        "mpii/images/ground_truth.json": 4,
        "mpii/crops256/ground_truth.json": 4,
        "images/mmpose/coco/test_coco.json": 14,
        "renders/coco_keypoints.json": 74,
    }
    assert {name: len(read_keypoint_truth(data / name)) for name in people} == people
