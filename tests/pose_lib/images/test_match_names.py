import pytest

from pose_lib.errors import InputError
from pose_lib.images.match_names import match_names


@pytest.mark.parametrize(
    ("wanted", "present", "rows"),
    [
        (["a.jpg", "b.jpg"], ["b.jpg", "a.jpg"], [1, 0]),
        (["a.jpg"], ["images/a.jpg"], [0]),
        (["images/a.jpg"], ["a.jpg"], [0]),
        (["val/a.jpg"], ["data/train/a.jpg", "data/val/a.jpg"], [1]),
        (["a.jpg"], ["a.jpg", "old/a.jpg"], [0]),
        (["val/a.jpg"], ["train/a.jpg"], [None]),
        (["ba.jpg"], ["a.jpg"], [None]),
        (["a.jpg", "a.png"], [], [None, None]),
    ],
)
def test_a_name_is_found_by_the_end_of_its_path(wanted, present, rows):
    assert match_names(wanted, present) == rows


@pytest.mark.parametrize(
    ("wanted", "present"),
    [(["a.jpg"], ["old/a.jpg", "new/a.jpg"]), (["old/a.jpg", "new/a.jpg"], ["a.jpg"])],
)
def test_names_that_may_mean_two_images_are_refused(wanted, present):
    with pytest.raises(InputError, match=r"old/a\.jpg and new/a\.jpg"):
        match_names(wanted, present)
