"""COCO results as the official evaluation reads them."""

import json

import numpy as np
import pytest
from made_up_people import some_keypoints

from pose_lib.formats.coco_json import coco_results, image_ids, write_coco
from pose_lib.skeleton import COCO_17, COCO_18


def test_there_is_one_entry_per_person_with_its_joints_in_cocos_order():
    people = some_keypoints(["000000000785.jpg", "000000040083.jpg"])
    results = coco_results(people)
    assert [entry["image_id"] for entry in results] == [[785, 40083][row] for row in people.image]
    assert {entry["category_id"] for entry in results} == {1}
    in_order = people.keypoints[:, COCO_18.indices(COCO_17.joints)]
    for entry, person, score in zip(results, in_order, people.score, strict=True):
        assert entry["keypoints"] == pytest.approx(np.nan_to_num(person).ravel())
        assert entry["score"] == pytest.approx(score)


def test_names_that_are_numbers_are_the_ids_and_others_are_counted():
    assert image_ids(("000000000785.jpg", "val/000000040083.jpg")) == [785, 40083]
    assert image_ids(("000000000785.jpg", "beach.jpg")) == [1, 2]
    assert image_ids(("a/7.jpg", "b/7.jpg")) == [1, 2]
    assert image_ids(("٣.jpg",)) == [1]


def test_the_list_of_images_says_which_id_is_which(tmp_path):
    write_coco(some_keypoints(["beach.jpg", "Straße.jpg"]), tmp_path)
    images = json.loads((tmp_path / "coco_images.json").read_text(encoding="utf-8"))
    assert [(image["id"], image["file_name"]) for image in images] == [
        (1, "beach.jpg"),
        (2, "Straße.jpg"),
    ]
    assert images[0]["width"] == 640


def test_nobody_found_is_an_empty_list(tmp_path):
    path = write_coco(some_keypoints([]), tmp_path)
    assert json.loads(path.read_text()) == []
