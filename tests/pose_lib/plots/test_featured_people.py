import numpy as np

from pose_lib.keypoints import Keypoints
from pose_lib.plots.featured_people import featured_people
from pose_lib.skeleton import COCO_18


def found(images, n_joints, scores):
    """People of whom the first so many joints are found."""
    keypoints = np.full((len(images), 18, 3), np.nan, np.float32)
    keypoints[..., 2] = 0
    for person, count in enumerate(n_joints):
        keypoints[person, :count] = 1
    n_images = max(images) + 1
    return Keypoints(
        skeleton=COCO_18,
        filename=tuple(f"{row}.jpg" for row in range(n_images)),
        size=np.full((n_images, 2), 100),
        status=np.ones(n_images, int),
        reason=("",) * n_images,
        keypoints=keypoints,
        image=np.array(images),
        score=np.array(scores, np.float32),
    )


def chosen(people, n_people, eligible=None):
    everybody = np.ones(people.n_people, bool)
    return featured_people(people, everybody if eligible is None else eligible, n_people).tolist()


def test_the_most_complete_people_come_first_and_the_surest_of_equals():
    people = found([0, 1, 2], n_joints=[10, 18, 10], scores=[0.2, 0.1, 0.9])
    assert chosen(people, 3) == [1, 2, 0]


def test_every_image_gives_one_person_before_any_gives_two():
    people = found([0, 0, 1], n_joints=[18, 17, 8], scores=[1, 1, 1])
    assert chosen(people, 2) == [0, 2]
    assert chosen(people, 3) == [0, 2, 1]


def test_people_who_were_not_lifted_are_not_chosen():
    people = found([0, 1], n_joints=[18, 9], scores=[1, 1])
    assert chosen(people, 5, eligible=np.array([False, True])) == [1]


def test_nobody_is_chosen_from_nobody():
    people = found([0], n_joints=[18], scores=[1])
    assert chosen(people, 0) == []
    assert chosen(people, 5, eligible=np.array([False])) == []
