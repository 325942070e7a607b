"""Sweeps: overrides that reach the settings, mistakes that are named, tables that add up."""

import math

import pytest

from pose_lib.errors import InputError
from pose_lib.lifting.training.config import TrainConfig
from pose_lib.lifting.training.sweep import (
    FIGURES,
    Outcome,
    Sweep,
    Trial,
    build_sweep,
    columns_of,
    rows_of,
)

TABLE = {
    "seeds": [3, 4],
    "base": {"gan": {"steps": 7}, "distill": {"noise": {"outlier_probability": 0.0}}},
    "variants": {
        "ours": {},
        "no flexion": {"gan": {"flexion_weight": 0}},
        "more noise": {"distill": {"noise": {"max_jitter": 0.1}}},
    },
}


def test_a_variant_is_the_base_but_for_what_it_changes():
    variants = build_sweep(TABLE, where="s.toml").variants
    assert variants["no flexion"].gan.flexion_weight == 0
    assert variants["ours"].gan.flexion_weight == TrainConfig().gan.flexion_weight
    assert {config.gan.steps for config in variants.values()} == {7}
    noise = variants["more noise"].distill.noise
    assert (noise.outlier_probability, noise.max_jitter) == (0.0, 0.1)


def test_trials_come_seed_by_seed():
    trials = build_sweep(TABLE, where="s.toml").trials
    assert [trial.config.seed for trial in trials] == [3, 3, 3, 4, 4, 4]
    assert [trial.variant for trial in trials[:3]] == list(TABLE["variants"])
    assert len({trial.name for trial in trials}) == 6


@pytest.mark.parametrize(
    ("changes", "culprit"),
    [
        ({"variants": {}}, "at least one variant"),
        ({"variants": {"a": {"gan": {"stepps": 1}}}}, r"variants\.a: gan: unknown option 'stepps'"),
        ({"variants": {"a": {"gan": {"steps": "x"}}}}, "expected int, got 'x'"),
        ({"variants": {"a": {"gan": {"steps": 0}}}}, "steps must be greater than 0"),
        ({"variants": {"a": {}, "b": {}}}, "'a' and 'b' have the same settings"),
        ({"variants": {"a": 3}}, r"variants\.a: expected a table"),
        ({"variants": {"a": {"seed": 3}}}, "take out `seed`"),
        ({"base": {"seed": 3}}, "take out `seed`"),
        ({"seeds": []}, "seeds, each once"),
        ({"seeds": [1, 1]}, "seeds, each once"),
        ({"seeds": [0.5]}, "seeds: expected a list of whole numbers"),
        ({"seeds": 3}, "seeds: expected a list of whole numbers"),
        ({"varaints": {}}, "unknown 'varaints'"),
    ],
)
def test_a_mistake_is_named_with_its_place(changes, culprit):
    with pytest.raises(InputError, match=culprit) as caught:
        build_sweep(TABLE | changes, where="s.toml")
    assert str(caught.value).startswith("s.toml: ")


def test_a_sweep_without_variants_is_refused():
    with pytest.raises(ValueError, match="at least one variant"):
        Sweep({}, (0,))


def outcomes():
    ours, worse = (
        [Trial(name, TrainConfig(seed=seed)) for seed in (0, 1)] for name in ("ours", "worse")
    )
    return [
        Outcome(ours[0], {"pa_mpjpe": 40.0, "seconds": 9.0}),
        Outcome(worse[0], {"pa_mpjpe": 50.0, "seconds": 8.0}),
        Outcome(ours[1], {"pa_mpjpe": 42.0, "seconds": 11.0}),
        Outcome(worse[1], {}, diverged="mirrored"),
    ]


def test_a_row_has_the_mean_and_spread_of_the_seeds_that_were_not_stopped():
    ours, worse = rows_of(outcomes())
    assert (ours.variant, ours.mean("pa_mpjpe"), ours.n_diverged) == ("ours", 41.0, 0)
    assert ours.std("pa_mpjpe") == pytest.approx(math.sqrt(2))
    assert (worse.mean("pa_mpjpe"), worse.std("pa_mpjpe"), worse.n_diverged) == (50.0, 0.0, 1)
    assert math.isnan(worse.mean("auc"))


def test_columns_are_those_that_some_variant_has_in_their_order():
    assert columns_of(rows_of(outcomes())) == ["pa_mpjpe", "seconds"]
    assert columns_of([]) == []
    assert list(FIGURES).index("pa_mpjpe") < list(FIGURES).index("seconds")
