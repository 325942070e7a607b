import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pose_lib.errors import InputError
from pose_lib.lifting.bone_length_table import BoneLengthTable
from pose_lib.lifting.files.lifter_folder import (
    DESCRIPTION,
    WEIGHTS,
    bundled_lifter,
    load_lifter,
    save_lifter,
    save_networks,
)
from pose_lib.lifting.lifter import Lifter
from pose_lib.lifting.networks import Discriminator, Generator, Regressor

RNG = torch.Generator().manual_seed(0)
TABLE = torch.rand(12, generator=RNG) + 0.3
POSES = np.random.default_rng(0).uniform(0, 500, (5, 15, 3)).astype(np.float32)


@pytest.fixture
def lifter():
    return Lifter(Regressor(TABLE, 16, RNG), torch.linspace(-0.1, 0.1, 7), {"people": 7})


def test_a_lifter_read_back_lifts_the_same(lifter, tmp_path):
    save_lifter(lifter, tmp_path / "new" / "folder")
    again = load_lifter(tmp_path / "new" / "folder")
    np.testing.assert_array_equal(again.lift(POSES).poses3d, lifter.lift(POSES).poses3d)
    assert again.origin == lifter.origin


def test_half_precision_changes_little_and_halves_the_file(lifter, tmp_path):
    save_lifter(lifter, tmp_path / "full")
    save_lifter(lifter, tmp_path / "half", half=True)
    full, half = (load_lifter(tmp_path / name).lift(POSES).poses3d for name in ("full", "half"))
    np.testing.assert_allclose(half, full, atol=0.01)
    sizes = [(tmp_path / name / WEIGHTS).stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.6 * sizes[1]


def test_what_a_lifter_knows_of_sources_comes_back(lifter, tmp_path):
    table = BoneLengthTable("mpii_16", (0.6,) * 8, (0.01,) * 8, (9,) * 8, 9, "nobody")
    save_lifter(replace(lifter, bone_length_tables=(table,)), tmp_path)
    assert load_lifter(tmp_path).bone_length_tables == (table,)


def test_a_lifter_stored_before_there_were_sources_knows_of_none(lifter, tmp_path):
    save_lifter(lifter, tmp_path)
    change_description(tmp_path, lambda description: description.pop("sources"))
    assert load_lifter(tmp_path).bone_length_tables == ()


@pytest.mark.parametrize("sources", [["mpii_16"], {"mpii_16": {}}, {"mpii_16": {"lengths": 5}}])
def test_broken_sources_are_refused_with_the_folder(lifter, tmp_path, sources):
    save_lifter(lifter, tmp_path)
    change_description(tmp_path, lambda description: description.update(sources=sources))
    with pytest.raises(InputError, match="not a lifter that this version knows"):
        load_lifter(tmp_path)


def change_description(folder, change):
    description = json.loads((folder / DESCRIPTION).read_text())
    change(description)
    (folder / DESCRIPTION).write_text(json.dumps(description))


def test_the_description_names_the_joints(lifter, tmp_path):
    save_lifter(lifter, tmp_path)
    description = json.loads((tmp_path / DESCRIPTION).read_text())
    assert description["skeleton"] == "BODY_15"
    assert len(description["joints"]) == 15


def test_a_folder_without_a_lifter_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"there is no lifter at .*lifter\.json"):
        load_lifter(tmp_path)


def spoil_weights(folder):
    path = folder / WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1] ^= 255
    path.write_bytes(content)


def truncate_weights(folder):
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:100])


def remove_weights(folder):
    (folder / WEIGHTS).unlink()


def garble_description(folder):
    (folder / DESCRIPTION).write_text("{")


def other_schema(folder):
    (folder / DESCRIPTION).write_text('{"schema": "something-else/1"}')


def not_an_object(folder):
    (folder / DESCRIPTION).write_text("[]")


def other_width(folder):
    path = folder / DESCRIPTION
    path.write_text(path.read_text().replace('"width": 16', '"width": 32'))


def wrong_proportions(folder):
    path = folder / DESCRIPTION
    path.write_text(path.read_text().replace("forearm", "tail"))


@pytest.mark.parametrize(
    "damage",
    [
        spoil_weights,
        truncate_weights,
        remove_weights,
        garble_description,
        other_schema,
        not_an_object,
        other_width,
        wrong_proportions,
    ],
)
def test_a_damaged_folder_is_refused_in_one_line(lifter, tmp_path, damage):
    save_lifter(lifter, tmp_path)
    damage(tmp_path)
    with pytest.raises(InputError) as refusal:
        load_lifter(tmp_path)
    assert "\n" not in str(refusal.value)
    assert str(tmp_path) in str(refusal.value)


def test_networks_of_the_gan_are_stored_by_number(tmp_path):
    generators = [Generator(8, RNG), Generator(8, RNG)]
    save_networks(generators, [Discriminator(TABLE, 8, RNG)] * 2, tmp_path)
    tensors = load_file(tmp_path / "generator.safetensors")
    assert torch.equal(tensors["1/layers.0.weight"], generators[1].layers[0].weight)
    assert "1/legs.0.weight" in load_file(tmp_path / "discriminator.safetensors")


def test_the_bundled_lifter_says_where_it_comes_from():
    origin = bundled_lifter().origin
    assert "MPII" in origin["trained_on"]
    assert origin["config"]["seed"] == 0
