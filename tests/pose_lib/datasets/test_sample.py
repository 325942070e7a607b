import cv2
import pytest

from pose_lib.datasets.sample import BROKEN_IMAGE, EMPTY_IMAGE, sample_images, sample_poses
from pose_lib.images.decode import UnreadableImage, decode_image

PICTURES = sorted(path.name for path in sample_images().iterdir())


def test_the_sample_holds_enough_people_one_empty_picture_and_one_broken_file():
    assert len(set(PICTURES) - {BROKEN_IMAGE, EMPTY_IMAGE}) >= 12
    assert {BROKEN_IMAGE, EMPTY_IMAGE} <= set(PICTURES)


@pytest.mark.parametrize("name", [name for name in PICTURES if name != BROKEN_IMAGE])
def test_a_sample_picture_decodes(name):
    image = cv2.imread(str(sample_images() / name))
    assert min(image.shape[:2]) >= 400
    assert image.std() > 10


def test_the_broken_file_is_told_as_broken():
    with pytest.raises(UnreadableImage, match="cut short"):
        decode_image((sample_images() / BROKEN_IMAGE).read_bytes())


def test_the_sample_stays_small():
    assert sum(path.stat().st_size for path in sample_images().iterdir()) < 3_000_000


def test_the_notice_names_every_picture(pytestconfig):
    notice = (pytestconfig.rootpath / "NOTICE").read_text(encoding="utf-8")
    named_together = [name for name in PICTURES if name.startswith("demo_")]
    assert "demo_*.jpg" in notice
    assert len(named_together) == 12
    for name in set(PICTURES) - set(named_together):
        assert name in notice


def test_the_poses_lie_beside_the_pictures():
    assert sample_poses().parent == sample_images().parent
