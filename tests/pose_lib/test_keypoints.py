import numpy as np
import pytest

from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.skeleton import BODY_15


def table(**changes):
    values = {
        "skeleton": BODY_15,
        "filename": ("a.jpg", "b.jpg", "c.jpg"),
        "size": np.full((3, 2), 10),
        "status": np.array([ImageStatus.OK, ImageStatus.NO_PERSON, ImageStatus.OK]),
        "reason": ("", "no person found", ""),
        "keypoints": np.arange(3 * 15 * 3, dtype=np.float32).reshape(3, 15, 3),
        "image": np.array([0, 2, 2]),
        "score": np.array([0.5, 0.9, 0.1], np.float32),
    }
    return Keypoints(**(values | changes))


def test_the_people_of_an_image_are_its_own():
    keypoints = table()
    np.testing.assert_array_equal(keypoints.people(2).keypoints, keypoints.keypoints[1:])
    assert len(keypoints.people(1)) == 0


def test_every_status_is_counted_also_where_there_is_none():
    assert table().counts() == {"ok": 2, "no person": 1, "unreadable": 0, "failed": 0}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"reason": ("",)}, "lengths disagree"),
        ({"filename": ("a.jpg",)}, "lengths disagree"),
        ({"keypoints": np.ones((3, 14, 3), np.float32)}, "14 joints, but BODY_15 has 15"),
        ({"image": np.array([0, 2, 1])}, "sorted"),
        ({"image": np.array([0, 2, 3])}, "outside 0 to 2"),
        ({"image": np.array([-1, 0, 0])}, "outside 0 to 2"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        table(**changes)
