import io

import matplotlib.pyplot
import numpy as np
import pytest
from matplotlib.colors import to_hex
from mpl_toolkits.mplot3d import Axes3D, proj3d
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from PIL import Image

from pose_lib.plots.figures import (
    comparison,
    crop_to_person,
    png_bytes,
    pose_grid,
    triptych,
)
from pose_lib.plots.palette import SIDE_COLORS, joint_side
from pose_lib.plots.scene import FRONT, SIDE, upright
from pose_lib.skeleton import BODY_15

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 255, (240, 320, 3), dtype=np.uint8)
# A standing person who faces the camera: their left is at the picture's right.
POSE = np.zeros((15, 3), np.float32)
for _joint, _name in enumerate(BODY_15.joints):
    _across = {"left": 0.2, "right": -0.2, "middle": 0.0}[joint_side(_name)]
    _down = next(
        y
        for part, y in {
            "nose": -0.8, "neck": -0.6, "shoulder": -0.6, "elbow": -0.3, "wrist": 0.0,
            "pelvis": 0.0, "hip": 0.0, "knee": 0.45, "ankle": 0.9,
        }.items()
        if part in _name
    )  # fmt: skip
    POSE[_joint] = _across, _down, -0.3 if "wrist" in _name else 0.0  # hands toward the camera
KEYPOINTS = np.column_stack([POSE[:, :2] * 80 + [160, 110], np.ones(15)]).astype(np.float32)
WHOLE = np.zeros(15, bool)


def filled(*joints):
    mask = WHOLE.copy()
    mask[BODY_15.indices(joints)] = True
    return mask


def spatial(figure):
    return [axes for axes in figure.axes if isinstance(axes, Axes3D)]


def markers(axes, *, hollow):
    lines = [line for line in axes.lines if line.get_marker() == "o"]
    return [line for line in lines if (line.get_markerfacecolor() == "white") == hollow]


def halos(axes):
    return [part for part in axes.collections if isinstance(part, Poly3DCollection)]


def on_paper(axes, points):
    x, y, _ = proj3d.proj_transform(*points.T, axes.get_proj())
    return axes.transData.transform(np.column_stack([x, y]))


def test_a_triptych_is_photograph_and_flat_pose_and_two_views_in_space():
    figure = triptych(IMAGE, KEYPOINTS, BODY_15, POSE, WHOLE, title="somebody")
    assert len(figure.axes) == 4
    photograph, flat = figure.axes[:2]
    assert len(photograph.images) == 1
    assert photograph.get_aspect() == flat.get_aspect() == 1
    assert (photograph.get_xlim(), photograph.get_ylim()) == (flat.get_xlim(), flat.get_ylim())
    assert [(axes.elev, axes.azim) for axes in spatial(figure)] == [FRONT, SIDE]


def test_one_unit_is_as_long_on_every_axis_in_space():
    for axes in spatial(triptych(IMAGE, KEYPOINTS, BODY_15, POSE, WHOLE)):
        spans = np.ptp([axes.get_xlim3d(), axes.get_ylim3d(), axes.get_zlim3d()], axis=1)
        lengths = axes._box_aspect
        np.testing.assert_allclose(lengths / spans, (lengths / spans)[0], rtol=1e-6)


def test_heads_are_up_and_the_front_view_is_not_mirrored():
    figure = triptych(IMAGE, KEYPOINTS, BODY_15, POSE, WHOLE)
    png_bytes(figure)
    front, side = spatial(figure)
    at = dict(zip(BODY_15.joints, on_paper(front, upright(POSE)), strict=True))
    assert at["nose"][1] > at["pelvis"][1] > at["left_ankle"][1]
    assert at["left_hip"][0] > at["right_hip"][0]  # as in the photograph
    # Seen from the camera's right, what is near the camera is at the left.
    at = dict(zip(BODY_15.joints, on_paper(side, upright(POSE)), strict=True))
    assert at["right_wrist"][0] < at["right_hip"][0]


def test_the_whole_person_lies_inside_the_axes():
    lying = POSE[:, [1, 0, 2]]
    for pose in (POSE, lying, POSE * [1, 1, 0], 1000 * POSE):
        figure = triptych(IMAGE, KEYPOINTS, BODY_15, pose.astype(np.float32), WHOLE)
        png_bytes(figure)
        shares = np.stack(
            [
                axes.transAxes.inverted().transform(on_paper(axes, upright(pose)))
                for axes in spatial(figure)
            ]
        )
        assert shares.min() > 0
        assert shares.max() < 1
        assert np.ptp(shares, axis=1).max() > 0.6  # and is not tiny in the better view


def test_a_filled_joint_is_hollow_in_the_color_of_its_side():
    figure = triptych(IMAGE, KEYPOINTS, BODY_15, POSE, filled("left_wrist", "right_knee"))
    for axes in spatial(figure):
        edges = {to_hex(line.get_markeredgecolor()).upper() for line in markers(axes, hollow=True)}
        assert len(markers(axes, hollow=True)) == 2
        assert edges == {SIDE_COLORS["left"], SIDE_COLORS["right"]}
        assert len(markers(axes, hollow=False)) == 13
    assert "not seen, filled in" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_halo_is_round_and_as_wide_as_the_spread_from_wherever_it_is_seen():
    uncertainty = np.linspace(0.02, 0.3, 15).astype(np.float32)
    figure = triptych(IMAGE, KEYPOINTS, BODY_15, POSE, WHOLE, uncertainty=uncertainty)
    png_bytes(figure)
    for axes in spatial(figure):
        azimuth = np.radians(axes.azim)
        across = np.array([[0, 0, 0], [-np.sin(azimuth), np.cos(azimuth), 0]])
        pixels_per_unit = np.linalg.norm(np.diff(on_paper(axes, across), axis=0))
        centers = on_paper(axes, upright(POSE))
        for halo, center, radius in zip(halos(axes), centers, uncertainty, strict=True):
            edge = axes.transData.transform(halo.get_paths()[0].vertices)
            distance = np.linalg.norm(edge - center, axis=1)
            np.testing.assert_allclose(distance, pixels_per_unit * radius, rtol=1e-3)


def test_only_a_spread_that_is_known_gives_halos_and_a_word_about_them():
    uncertainty = np.full(15, 0.1, np.float32)
    uncertainty[0] = np.nan
    figure = triptych(IMAGE, KEYPOINTS, BODY_15, POSE, WHOLE, uncertainty=uncertainty)
    assert [len(halos(axes)) for axes in spatial(figure)] == [14, 14]
    plain = triptych(IMAGE, KEYPOINTS, BODY_15, POSE, WHOLE)
    assert [len(halos(axes)) for axes in spatial(plain)] == [0, 0]
    words = [[text.get_text() for text in each.legends[0].get_texts()] for each in (figure, plain)]
    assert ["halo: error to expect" in said for said in words] == [True, False]


def test_a_keypoint_that_was_not_found_is_not_drawn_flat():
    keypoints = KEYPOINTS.copy()
    keypoints[BODY_15.index("left_wrist")] = np.nan, np.nan, 0
    flat = triptych(IMAGE, keypoints, BODY_15, POSE, filled("left_wrist")).axes[1]
    assert len(markers(flat, hollow=False)) == 14


def test_who_could_not_be_lifted_is_shown_as_such():
    figure = triptych(IMAGE, KEYPOINTS, BODY_15, np.full_like(POSE, np.nan), WHOLE)
    assert all(axes.texts[0].get_text() == "not lifted" for axes in spatial(figure))


@pytest.mark.parametrize("title", ["50$ and $x_{.jpg", "a long name " * 40, "ümläut 🙂.jpg"])
@pytest.mark.filterwarnings("ignore:Glyph")
def test_a_file_name_is_shown_as_it_is_and_inside_the_figure(title):
    figure = triptych(IMAGE, KEYPOINTS, BODY_15, POSE, WHOLE, title=title)
    png_bytes(figure)
    shown = next(text for text in figure.texts if text.get_text().startswith(title[:5]))
    box = shown.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


def test_a_comparison_names_each_lifter_above_its_poses():
    poses = np.stack([POSE, POSE * [1, 1, -1]]).astype(np.float32)
    figure = comparison(IMAGE, KEYPOINTS, BODY_15, poses, WHOLE, labels=["demo", "bundled"])
    captions = " | ".join(text.get_text() for text in figure.texts)
    assert len(spatial(figure)) == 4
    assert captions.count("demo") == captions.count("bundled") == 2
    with pytest.raises(ValueError, match="2 poses but 1 labels"):
        comparison(IMAGE, KEYPOINTS, BODY_15, poses, WHOLE, labels=["demo"])


@pytest.mark.parametrize("n_people", [0, 1, 5])
def test_a_grid_shows_every_person_once(n_people):
    repeat = np.repeat(KEYPOINTS[None], n_people, 0), np.repeat(POSE[None], n_people, 0)
    masks = np.repeat(WHOLE[None], n_people, 0)
    figure = pose_grid([IMAGE] * n_people, repeat[0], BODY_15, repeat[1], masks, columns=2)
    assert len(spatial(figure)) == n_people


def test_a_png_stays_under_its_limit_and_opens():
    figure = triptych(IMAGE, KEYPOINTS, BODY_15, POSE, WHOLE)
    assert Image.open(io.BytesIO(png_bytes(figure))).size == (1200, 375)
    for limit in (100_000, 20_000):
        small = png_bytes(figure, max_bytes=limit)
        assert len(small) <= limit
        assert Image.open(io.BytesIO(small)).width >= 240
    with pytest.raises(ValueError, match="10 bytes"):
        png_bytes(figure, max_bytes=10)


def test_drawing_leaves_nothing_behind_in_pyplot():
    png_bytes(triptych(IMAGE, KEYPOINTS, BODY_15, POSE, WHOLE))
    assert matplotlib.pyplot.get_fignums() == []


def test_a_crop_moves_the_keypoints_with_the_pixels():
    image = np.zeros((400, 600, 3), np.uint8)
    x, y = KEYPOINTS[0, :2].astype(int)
    image[y - 3 : y + 4, x - 3 : x + 4] = 255
    crop, moved = crop_to_person(image, KEYPOINTS)
    bright = np.argwhere(crop[..., 0] > 128).mean(0)[::-1]
    scale = np.ptp(moved[:, 0]) / np.ptp(KEYPOINTS[:, 0])
    np.testing.assert_allclose(bright, moved[0, :2] + scale * ([x, y] - KEYPOINTS[0, :2]), atol=1)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3)])
def test_a_crop_of_any_shape_and_of_nobody_is_no_error(shape):
    nobody = np.full((15, 3), [np.nan, np.nan, 0], np.float32)
    crop, _ = crop_to_person(np.zeros((*shape, 3), np.uint8), nobody)
    assert min(crop.shape) >= 1
