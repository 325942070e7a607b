import tomllib

import pytest

from pose_lib.config import RenamedOptionWarning, build_config, config_toml, read_config
from pose_lib.errors import InputError
from pose_lib.lifting.training.config import DEMO, TrainConfig

BEFORE = {
    "camera": {
        "pitch_spread": "pitch_std",
        "pitch_lowest": "min_pitch",
        "pitch_highest": "max_pitch",
        "roll_spread": "roll_std",
    },
    "gan": {
        "relift_weights": "cycle_weights",
        "relift_ramp": "cycle_warmup_steps",
        "even_facing": "balance_azimuth",
        "noise": "instance_noise_std",
        "memory": "ema_decay",
    },
    "refine": {
        "hidden_learning_rate": "muon_learning_rate",
        "shape_weight": "pa_loss_weight",
        "group_spread": "group_log_std",
        "bone_spread": "bone_log_std",
        "person_spread": "person_log_std",
        "other_legs_share": "leg_swap_probability",
        "other_arm_share": "arm_swap_probability",
        "told_share": "conditioning_probability",
    },
    "refine.noise": {
        "annotated_share": "annotated_probability",
        "openpose_share": "openpose_probability",
        "body_swap_share": "body_swap_probability",
        "limb_swap_share": "limb_swap_probability",
        "jitter_lowest": "min_jitter",
        "jitter_highest": "max_jitter",
        "outlier_share": "outlier_probability",
        "incomplete_share": "incomplete_probability",
    },
    "health": {
        "spread_lowest": "min_depth_spread",
        "saturated_highest": "max_saturated",
        "mirror_highest": "max_mirrored",
        "accuracy_highest": "max_accuracy",
        "facing_highest": "max_facing_distance",
    },
}
"""The options of version 0.1.0 that have another name now, by table."""


def test_a_file_may_set_any_value_of_any_stage(tmp_path):
    path = tmp_path / "train.toml"
    path.write_text(
        "seed = 3\n[gan]\nsteps = 20\ncycle_weights = [0.3, 1]\n[camera]\npitch_mean = 8"
    )
    config = read_config(path, TrainConfig)
    assert config.seed == 3
    assert config.gan.cycle_weights == (0.3, 1.0)
    assert config.camera.pitch_mean == 8.0
    assert config.distill == TrainConfig().distill


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"gan": {"step": 3}}, "did you mean 'steps'"),
        ({"gan": {"steps": 0}}, "steps must be greater than 0"),
        ({"gan": {"cycle_weights": []}}, "at least one weight"),
        ({"distill": {"width": 33}}, "width must be even"),
        (
            {"distill": {"conditioning_probability": 2.0}},
            "conditioning_probability must lie in 0 to 1",
        ),
        (
            {"distill": {"noise": {"outlier_probability": -1.0}}},
            "outlier_probability must lie in 0 to 1",
        ),
        ({"distill": {"noise": {"annotated_probability": 0.8}}}, "must not exceed 1 together"),
        ({"distill": {"noise": {"min_jitter": 0.5}}}, "must not exceed max_jitter"),
        ({"camera": {"pitch_mean": 80.0}}, "min_pitch <= pitch_mean <= max_pitch"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(table, message):
    with pytest.raises(InputError, match=message):
        build_config(table, TrainConfig, where="train.toml")


def test_total_steps_count_every_generator_and_the_lifter():
    assert DEMO.total_steps == DEMO.gan.n_generators * DEMO.gan.steps + DEMO.distill.steps


@pytest.mark.parametrize(
    ("table", "old", "new"), [(t, old, new) for t in BEFORE for old, new in BEFORE[t].items()]
)
def test_an_option_of_the_version_before_is_read_by_its_old_name(table, old, new):
    current = {"refine": "distill", "refine.noise": "distill.noise", "health": "diagnostics"}
    path, value = current.get(table, table).split("."), TrainConfig()
    for part in path:
        value = getattr(value, part)
    changed = _changed_value(getattr(value, new))
    with pytest.warns(RenamedOptionWarning, match=f"{old!r} is now {new!r}"):
        config = build_config(_nested(table.split("."), {old: changed}), TrainConfig, where="old")
    assert config == build_config(_nested(path, {new: changed}), TrainConfig, where="new")
    assert config != TrainConfig()


def test_the_whole_default_file_of_the_version_before_gives_the_same_settings():
    table = tomllib.loads(config_toml(TrainConfig()))
    table["refine"], table["health"] = table.pop("distill"), table.pop("diagnostics")
    for name, renamed in BEFORE.items():
        part = table
        for key in name.split("."):
            part = part[key]
        for old, new in renamed.items():
            part[old] = part.pop(new)
    with pytest.warns(RenamedOptionWarning) as warned:
        assert build_config(table, TrainConfig, where="train.toml") == TrainConfig()
    assert len(warned) == 2 + sum(map(len, BEFORE.values()))


def _changed_value(value):
    if isinstance(value, bool):
        return not value
    return [0.7] if isinstance(value, tuple) else type(value)(value * 0.9)


def _nested(path, table):
    for name in reversed(path):
        table = {name: table}
    return table
