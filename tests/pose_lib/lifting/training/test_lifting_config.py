import pytest

from pose_lib.config import build_config, read_config
from pose_lib.errors import InputError
from pose_lib.lifting.training.config import DEMO, TrainConfig


def test_a_file_may_set_any_value_of_any_stage(tmp_path):
    path = tmp_path / "train.toml"
    path.write_text(
        "seed = 3\n[gan]\nsteps = 20\nrelift_weights = [0.3, 1]\n[camera]\npitch_mean = 8"
    )
    config = read_config(path, TrainConfig)
    assert config.seed == 3
    assert config.gan.cycle_weights == (0.3, 1.0)
    assert config.camera.pitch_mean == 8.0
    assert config.refine == TrainConfig().refine


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"gan": {"step": 3}}, "did you mean 'steps'"),
        ({"gan": {"steps": 0}}, "steps must be greater than 0"),
        ({"gan": {"cycle_weights": []}}, "at least one weight"),
        ({"refine": {"width": 33}}, "width must be even"),
        (
            {"refine": {"conditioning_probability": 2.0}},
            "conditioning_probability must lie in 0 to 1",
        ),
        (
            {"refine": {"noise": {"outlier_probability": -1.0}}},
            "outlier_probability must lie in 0 to 1",
        ),
        ({"refine": {"noise": {"annotated_probability": 0.8}}}, "must not exceed 1 together"),
        ({"refine": {"noise": {"min_jitter": 0.5}}}, "must not exceed max_jitter"),
        ({"camera": {"pitch_mean": 80.0}}, "min_pitch <= pitch_mean <= max_pitch"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(table, message):
    with pytest.raises(InputError, match=message):
        build_config(table, TrainConfig, where="train.toml")


def test_total_steps_count_every_generator_and_the_lifter():
    assert DEMO.total_steps == DEMO.gan.n_generators * DEMO.gan.steps + DEMO.refine.steps
