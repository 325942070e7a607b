"""The CSV table holds every number of every person."""

import csv

import numpy as np
from made_up_people import some_keypoints

from pose_lib.formats.keypoints_csv import write_csv


def test_every_person_and_joint_has_its_row(tmp_path):
    people = some_keypoints(['a, "b".jpg', "été.jpg"])
    with write_csv(people, tmp_path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["filename", "person", "joint", "x", "y", "confidence"]
    assert len(rows) == people.n_people * 18
    assert [row["joint"] for row in rows[:18]] == list(people.skeleton.joints)
    assert [row["filename"] for row in rows[::18]] == [people.filename[i] for i in people.image]
    values = [[float(row[key] or "nan") for key in ("x", "y", "confidence")] for row in rows]
    read = np.array(values, np.float32).reshape(-1, 18, 3)
    np.testing.assert_array_equal(read, people.keypoints)


def test_people_are_counted_from_zero_in_each_image(tmp_path):
    people = some_keypoints(["a.jpg", "b.jpg", "c.jpg"])
    with write_csv(people, tmp_path).open(encoding="utf-8", newline="") as file:
        persons = [int(row["person"]) for row in list(csv.DictReader(file))[::18]]
    counts = [len(people.people(row)) for row in range(3)]
    assert persons == [person for count in counts for person in range(count)]
