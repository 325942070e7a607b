from dataclasses import replace

import numpy as np
import pytest
import torch
from made_people import LENGTHS, TABLE, photographed, walking_bones

from pose_lib.lifting.bone_length_table import (
    LARGEST_ERROR,
    BoneLengthTable,
    as_plain,
    from_plain,
    measure_table,
    measure_tables,
    with_tables,
)
from pose_lib.lifting.bones import KINDS, SPINE_LENGTH
from pose_lib.lifting.lifter import Lifter
from pose_lib.lifting.networks import Regressor
from pose_lib.skeleton import BODY_15

MISSING = np.float32([np.nan, np.nan, 0])


@pytest.fixture
def chance():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def measured(poses):
    return measure_table("made_16", poses, "made people", np.random.default_rng(0))


def table_of(name, *, error=0.01, thigh=LENGTHS["thigh"]):
    lengths = tuple(thigh if kind == "thigh" else LENGTHS[kind] for kind in KINDS)
    return BoneLengthTable(name, lengths, (error,) * 8, (100,) * 8, 100, "nobody")


def lifter_with(*tables):
    regressor = Regressor(TABLE, 32, torch.Generator().manual_seed(0))
    return Lifter(regressor, bone_length_tables=tables)


def test_the_lengths_are_those_that_the_people_were_made_with(measured):
    true = np.array([LENGTHS[kind] for kind in KINDS])
    np.testing.assert_allclose(measured.lengths, true, rtol=0.15)
    assert measured.lengths[KINDS.index("spine")] == pytest.approx(SPINE_LENGTH)
    assert measured.sightings == (400,) * 8
    assert measured.people == 400


def test_sixteen_times_as_many_people_are_about_four_times_as_sure(chance):
    rng = torch.Generator().manual_seed(2)
    few, many = (photographed(walking_bones(n, rng), rng) for n in (200, 3200))
    errors = [measure_table("made", poses, "", chance).error for poses in (few, many)]
    assert 2 < errors[0] / errors[1] < 8


def test_the_interval_holds_the_lengths_of_most_other_samples(chance):
    rng = torch.Generator().manual_seed(3)
    parts = np.split(photographed(walking_bones(600, rng), rng), 2)
    tables = [measure_table("made", part, "", chance) for part in parts]
    apart = np.log(tables[0].lengths) - np.log(tables[1].lengths)
    allowed = 1.5 * (tables[0].interval[:, 1] / tables[0].interval[:, 0] - 1) / 2
    assert np.mean(np.abs(apart) <= allowed + 1e-6) > 0.8


def test_bones_that_few_show_are_unknown_and_the_others_are_measured(poses, chance):
    legless = poses.copy()
    legless[30:, BODY_15.indices(("left_knee", "right_knee"))] = MISSING
    table = measure_table("upper", legless, "", chance)
    assert table.unknown == ("thigh", "shin")
    assert table.sightings[KINDS.index("thigh")] == 30
    assert np.isfinite(table.lengths[KINDS.index("forearm")])
    assert not table.complete
    assert not table.certain


def test_without_a_spine_nothing_is_known(poses, chance):
    floating = poses.copy()
    floating[:, BODY_15.index("pelvis")] = MISSING
    assert measure_table("floating", floating, "", chance).unknown == KINDS


def test_a_table_comes_back_from_plain_values(measured):
    unknown = replace(measured, name="upper", lengths=(*measured.lengths[:-1], np.nan))
    again = from_plain(as_plain((measured, unknown)))
    np.testing.assert_allclose(again[0].lengths, measured.lengths, atol=1e-6)
    np.testing.assert_allclose(again[0].errors, measured.errors, atol=1e-6)
    assert (again[0].sightings, again[0].measured_on) == (measured.sightings, "made people")
    assert again[1].unknown == ("forearm",)


def test_a_new_table_takes_the_place_of_its_source_s_old_one():
    new = table_of("a", thigh=0.6)
    assert with_tables((table_of("a"), table_of("b")), (new,)) == (table_of("b"), new)


def test_each_source_is_measured_by_itself(poses, chance):
    longer = poses.copy()
    for side in ("left", "right"):
        knee, ankle = BODY_15.indices((f"{side}_knee", f"{side}_ankle"))
        longer[:, ankle, :2] += 0.5 * (poses[:, ankle, :2] - poses[:, knee, :2])
    one, other = measure_tables({"one": poses, "other": longer}, "", chance)
    shin = KINDS.index("shin")
    assert other.lengths[shin] / one.lengths[shin] == pytest.approx(1.5, rel=0.1)


def test_a_lifter_is_conditioned_on_its_table_of_a_joint_convention(poses):
    table = table_of("mpii_16", thigh=0.6)
    lifter = lifter_with(table)
    conditioned = lifter.for_joint_convention("MPII_16")
    assert conditioned.bone_length_ratios is not None
    assert conditioned.bone_length_ratios.max() == pytest.approx(
        np.log(0.6 / LENGTHS["thigh"]), rel=1e-3
    )
    assert not np.array_equal(conditioned.lift(poses).poses3d, lifter.lift(poses).poses3d)


def test_a_lifter_is_conditioned_neither_on_other_conventions_nor_uncertain_lengths():
    tables = (table_of("mpii_16"), table_of("coco_18", error=1.1 * LARGEST_ERROR))
    lifter = lifter_with(*tables)
    assert lifter.for_joint_convention("BODY_25") is lifter
    assert lifter.for_joint_convention("COCO_18") is lifter


def test_a_table_of_another_length_is_refused():
    with pytest.raises(ValueError, match="a table holds hip_axis"):
        BoneLengthTable("a", (1.0,), (1.0,), (1,), 1, "")
