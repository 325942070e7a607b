"""A file to choose by is read, checked early, and named when it is at fault."""

import pytest
from mpii_mat import image_of, save_release

from pose_lib.errors import InputError
from pose_lib.person_selection import PersonSelection, check_selection


def test_a_choice_can_be_checked_before_there_are_people(tmp_path):
    names = ("day/a.jpg", "day/b.jpg")
    check_selection(PersonSelection("largest"), names)
    truth = save_release(tmp_path / "truth.mat", [image_of("b.jpg")])
    check_selection(PersonSelection("annotated", str(truth)), names)
    with pytest.raises(InputError, match=r"truth\.mat: not one of the 1 images is annotated"):
        check_selection(PersonSelection("annotated", str(truth)), names[:1])
    with pytest.raises(InputError, match=r"gone\.mat") as raised:
        check_selection(PersonSelection("annotated", str(tmp_path / "gone.mat")), names)
    assert str(raised.value).count("gone.mat") == 1
