"""The curves of a training; of a sweep a bar for each variant, a point for each seed."""

import pytest

from pose_lib.lifting.training.sweep import Row
from pose_lib.plots.figures import png_bytes
from pose_lib.plots.training_figures import sweep_figure, training_curves

SCORED = [
    Row("ours", {"pa_mpjpe": (40.0, 42.0), "joint_error": (0.1, 0.1)}, 0),
    Row("worse", {"pa_mpjpe": (50.0,), "joint_error": (0.2,)}, 1),
    Row("stopped", {}, 2),
]


def test_each_variant_has_its_mean_as_bar_and_its_seeds_as_points():
    (axes,) = sweep_figure(SCORED).axes
    assert [bar.get_width() for bar in axes.patches] == [41.0, 50.0, 0.0]
    points = [list(line.get_xdata()) for line in axes.lines[:3]]
    assert points == [[40.0, 42.0], [50.0], []]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "ours",
        "worse (1 diverged)",
        "stopped (2 diverged)",
    ]


def test_without_truth_training_speaks_for_itself():
    rows = [Row("ours", {"joint_error": (0.1,), "mirror_share": (0.0,)}, 0)]
    titles = [axes.get_title(loc="left") for axes in sweep_figure(rows).axes]
    assert titles == ["joint error in training", "mirrored by flexion"]


@pytest.mark.parametrize("rows", [SCORED, SCORED[2:], SCORED[:1]])
def test_any_sweep_can_be_drawn(rows):
    assert png_bytes(sweep_figure(rows)).startswith(b"\x89PNG")


def test_training_curves_leave_out_what_was_not_recorded():
    game = [{"step": step, "generator_loss": 1.0, "discriminator_loss": 2.0} for step in range(200)]
    assert len(training_curves([]).axes) == len(training_curves(game).axes) == 2
    distilling = [{"step": 200 + step, "joint_error": 0.1} for step in range(9)]
    assert len(training_curves(game + distilling).axes) == 3
