"""The published lifters of the benchmark: their geometry, their flows, and that all of them run."""

import numpy as np
import pytest
import torch

from pose_lib.lifting.bones import AVERAGE_LENGTHS, joints_of
from pose_lib.lifting.training.train import use_one_thread
from pose_lib.skeleton import BODY_15
from research import lifting
from research.baselines import chen, elepose, flat, kudo, links, neighbor, supervised
from research.baselines.flow import Flow, plain_basis, principal_basis
from research.baselines.people import at_unit_size, best_match, filled
from research.baselines.perspective import Turn, in_space, projected
from research.baselines.training import Budget

PELVIS = BODY_15.index("pelvis")


@pytest.fixture(autouse=True)
def one_thread():
    use_one_thread()


@pytest.fixture
def rng():
    return torch.manual_seed(0)


@pytest.fixture
def bodies(rng):
    """People in space, trunk lengths, pelvis at the origin."""
    directions = torch.randn(200, 12, 3, generator=rng) + torch.tensor([0, 0.5, 0])
    bones = directions / directions.norm(dim=-1, keepdim=True) * AVERAGE_LENGTHS[:, None]
    return joints_of(bones)


@pytest.fixture
def pictures(bodies):
    pixels = 640 + 200 * bodies[..., :2]
    return torch.cat([pixels, torch.ones_like(pixels[..., :1])], dim=-1).numpy()


def test_joints_put_on_their_rays_are_seen_where_they_were(bodies):
    seen = bodies[..., :2]
    torch.testing.assert_close(projected(in_space(seen, bodies[..., 2])), seen)


def test_a_turn_undone_is_no_turn_and_keeps_lengths(bodies, rng):
    turn = Turn(*torch.randn(3, len(bodies), generator=rng))
    torch.testing.assert_close(turn(bodies).norm(dim=-1), bodies.norm(dim=-1))
    torch.testing.assert_close(turn.undo(turn(bodies)), bodies, atol=1e-5, rtol=0)


def test_size_in_the_picture_does_not_matter(bodies):
    table, seen = AVERAGE_LENGTHS, bodies[..., :2]
    large, size = at_unit_size(3 * seen, table)
    small, _ = at_unit_size(seen, table)
    torch.testing.assert_close(large, small)
    torch.testing.assert_close(large * size, 3 * seen)


def test_who_was_only_moved_and_scaled_is_found_again(bodies):
    gallery = bodies[..., :2]
    visible = torch.ones(3, 15, dtype=torch.bool)
    visible[:, 4:7] = False
    index, scale, shift = best_match(5 * gallery[[7, 8, 9]] + 40, visible, gallery)
    assert index.tolist() == [7, 8, 9]
    torch.testing.assert_close(scale, torch.full((3,), 5.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(shift, torch.full((3, 2), 40.0), atol=1e-3, rtol=0)


def test_missing_joints_come_from_who_is_alike_and_seen_ones_stay(bodies):
    seen = bodies[..., :2]
    visible = torch.rand(len(seen), 15) > 0.2
    torn = torch.where(visible[..., None], 5 * seen, torch.nan)
    whole = filled(torn, visible, seen)
    torch.testing.assert_close(whole, 5 * seen, atol=1e-3, rtol=0)


@pytest.mark.parametrize("basis", [plain_basis, lambda x: principal_basis(x, 6)])
def test_a_flow_is_undone_by_its_inverse(basis, rng):
    x = torch.randn(500, 6, generator=rng) @ torch.randn(6, 6, generator=rng) + 3
    flow = shaken(Flow(*basis(x), width=16))
    latent, _ = flow(x)
    assert (latent - (x - flow.mean) @ flow.basis).abs().max() > 0.1  # it does something
    torch.testing.assert_close(flow.inverse(latent), x, atol=1e-3, rtol=1e-3)


def test_a_flow_knows_by_how_much_it_changes_volumes(rng):
    x = torch.randn(50, 4, generator=rng)
    flow = shaken(Flow(*plain_basis(x), width=16))
    _, log_volume = flow(x)
    jacobian = torch.autograd.functional.jacobian(lambda one: flow(one[None])[0][0], x[0])
    of_couplings = torch.linalg.slogdet(jacobian).logabsdet - torch.logdet(flow.basis)
    torch.testing.assert_close(log_volume[0], of_couplings, atol=1e-4, rtol=0)


def test_no_joint_of_a_flow_is_determined_by_others(bodies):
    for part in links.PARTS.values():
        numbers = links.flow_input(bodies[..., :2], part)
        assert torch.linalg.matrix_rank(numbers) == numbers.shape[1]


def test_true_bodies_have_the_right_bones(bodies):
    ratios = elepose.bone_ratios(AVERAGE_LENGTHS)
    assert elepose.bones_loss(bodies, ratios) < 1e-6
    assert elepose.bones_loss(bodies * torch.tensor([1, 1, 0]), ratios) > 0.1


@pytest.mark.parametrize("method", [flat, kudo, chen, elepose, links])
def test_a_method_trained_on_2d_lifts_whole_and_incomplete_people(method, pictures):
    trained = method.train(pictures, budget=Budget(0.3), seed=0)
    torn = pictures[:20].copy()
    torn[:, 4] = np.nan, np.nan, 0
    assert_lifts(trained, pictures, torn)


@pytest.mark.parametrize("method", [neighbor, supervised])
def test_a_method_trained_on_3d_lifts_whole_and_incomplete_people(
    method, bodies, pictures, monkeypatch
):
    monkeypatch.setattr(neighbor, "VIEWS", 500)
    monkeypatch.setattr(supervised, "_TRIAL_STEPS", 3)
    trained = method.train(bodies.numpy(), budget=Budget(0.3), seed=0)
    torn = pictures[:20].copy()
    torn[:, 4] = np.nan, np.nan, 0
    assert_lifts(trained, pictures, torn)


def test_a_table_shows_the_mean_and_spread_of_seeds():
    records = [record(seed=0, error=40.0), record(seed=1, error=44.0)]
    line = lifting.markdown_table(records).splitlines()[-1]
    assert line.startswith("| Kudo 2018 | 2D | same | 2 |")
    assert "42.0 ± 2.8" in line


def test_results_replace_what_they_repeat_and_outlive_the_program(tmp_path):
    results = lifting.Results.read(tmp_path / "out.json")
    for error in (40.0, 41.0):
        results.put(record(seed=0, error=error))
    (kept,) = lifting.Results.read(tmp_path / "out.json").records
    assert kept["scores"]["clean"]["pa_mpjpe"] == 41.0


def assert_lifts(trained, *given):
    for poses in given:
        lifted = trained.lift(poses)
        assert lifted.shape == (len(poses), 15, 3)
        assert np.isfinite(lifted).all()


def shaken(flow):
    """Draw the weights that a flow begins without."""
    for coupling in flow.couplings:
        torch.nn.init.normal_(coupling.subnet[-1].weight, std=0.1)
    return flow.requires_grad_(False)


def record(*, seed, error):
    of_all = {"pa_mpjpe": error, "pa_mpjpe_reflected": error, "n_mpjpe": error}
    shares = {"pck150": 0.5, "auc": 0.5, "mirror_rate": 0.0}
    return {
        "row": "kudo",
        "budget": "same",
        "seconds": 180.0,
        "seed": seed,
        "steps": 10,
        "core_seconds": 1.0,
        "scores": {"clean": of_all | shares, "noisy": of_all | shares},
    }
