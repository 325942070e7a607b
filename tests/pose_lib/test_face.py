"""What `import pose_lib` offers to scripts and notebooks."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from made_up_store import make_annotated_store

import pose_lib
from pose_lib.datasets.sample import BROKEN_IMAGE, EMPTY_IMAGE, sample_images
from pose_lib.errors import InputError
from pose_lib.formats.openpose_json import write_openpose
from pose_lib.images.find import find_images
from pose_lib.lifting.files.lifter_folder import save_lifter


class OnePerson:
    """Finds one person of known joints in the middle of every image that is not black."""

    skeleton = pose_lib.BODY_15
    min_side = 1

    def detect(self, image):
        xy = np.random.default_rng(0).uniform(0, 1, (15, 2)) * image.shape[1::-1]
        keypoints = np.column_stack([xy, np.full(15, 0.9)]).astype(np.float32)[None]
        n_people = int(image.any())
        return pose_lib.People(keypoints[:n_people], np.ones(n_people, np.float32))


@pytest.fixture
def picture(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((40, 60, 3), 200, np.uint8))
    return tmp_path / "a.png"


def test_importing_loads_nothing_heavy():
    code = "import sys, pose_lib; print({'torch', 'zarr', 'cv2', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_every_name_is_there_and_no_other():
    assert all(getattr(pose_lib, name) is not None for name in pose_lib.__all__)
    assert set(pose_lib.__all__) <= set(dir(pose_lib))
    with pytest.raises(AttributeError, match="no attribute 'find_cats'"):
        pose_lib.find_cats  # noqa: B018


def test_a_file_and_its_pixels_give_the_same_people(picture):
    by_path = pose_lib.find_people(picture, OnePerson())
    by_pixels = pose_lib.find_people(pose_lib.read_image(picture), OnePerson())
    np.testing.assert_array_equal(by_path.keypoints, by_pixels.keypoints)
    assert by_path.filename == ("a.png",)
    assert by_path.size.tolist() == [[60, 40]]


def test_a_folder_gives_a_row_for_every_image_the_broken_one_too(picture):
    cv2.imwrite(str(picture.with_name("b.png")), np.zeros((40, 60, 3), np.uint8))
    picture.with_name("c.png").write_bytes(b"no picture")
    people = pose_lib.find_people(picture.parent, OnePerson())
    assert people.counts() == {"ok": 1, "no person": 1, "unreadable": 1, "failed": 0}
    assert "not an image" in people.reason[2]


def test_openpose_finds_nobody_where_nobody_is():
    people = pose_lib.find_people(sample_images() / EMPTY_IMAGE)
    assert people.n_people == 0
    assert people.skeleton == pose_lib.COCO_18


@pytest.mark.parametrize("use", [pose_lib.find_people, pose_lib.read_image])
@pytest.mark.parametrize("name", [BROKEN_IMAGE, "missing.jpg"])
def test_an_image_that_is_broken_or_missing_is_told_in_a_line(use, name):
    with pytest.raises(InputError, match=name):
        use(sample_images() / name)


def test_people_and_arrays_lift_alike(picture):
    people = pose_lib.find_people(picture, OnePerson())
    lifted = pose_lib.lift(people).poses3d
    np.testing.assert_array_equal(lifted, pose_lib.lift(people.keypoints).poses3d)
    assert lifted.shape == (1, 15, 3)
    assert np.isfinite(lifted).all()
    unseen = np.zeros((1, 17, 3))
    assert np.isnan(pose_lib.lift(unseen, skeleton=pose_lib.COCO_17).poses3d).all()


def test_a_lifter_is_the_bundled_one_or_a_folder(tmp_path):
    bundled = pose_lib.load_lifter()
    save_lifter(bundled, tmp_path)
    assert pose_lib.load_lifter(str(tmp_path)).origin == bundled.origin
    with pytest.raises(InputError, match=r"registry.fetch_lifter\('models:/pose-lifter@champion'"):
        pose_lib.load_lifter("models:/pose-lifter@champion")


def test_a_store_and_openpose_json_give_the_same_people(tmp_path):
    people = pose_lib.load_keypoints(str(make_annotated_store(tmp_path)))
    again = pose_lib.read_openpose_json(str(write_openpose(people, tmp_path / "json")))
    np.testing.assert_array_equal(people.keypoints, again.keypoints)


def test_named_axes_select_what_positions_do(picture):
    people = pose_lib.find_people(picture, OnePerson())
    named, wrist = pose_lib.to_xarray(people), people.skeleton.index("left_wrist")
    assert named.keypoints.sel(joint="left_wrist", xyc="y") == people.keypoints[:, wrist, 1]
    assert named.filename.values.tolist() == ["a.png"]
    assert named.status.sel(image="a.png") == "ok"

    lifted = pose_lib.lift(people)
    named = pose_lib.to_xarray(lifted)
    assert named.poses3d.sel(joint="left_wrist", xyz="z") == lifted.poses3d[:, wrist, 2]


def test_without_xarray_the_package_to_install_is_named(picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(InputError, match=r"pip install .poselift\[xarray\]"):
        pose_lib.to_xarray(pose_lib.find_people(picture, OnePerson()))


def test_drawing_leaves_the_image_as_it_was(picture):
    image = pose_lib.read_image(picture)
    people, before = pose_lib.find_people(image, OnePerson()), image.copy()
    assert (pose_lib.draw_skeletons(image, people) != image).any()
    figure = pose_lib.plot_person(people, pose_lib.lift(people), image=image)
    assert len(figure.axes) == 4
    np.testing.assert_array_equal(image, before)
    assert len(find_images(picture)) == 1
