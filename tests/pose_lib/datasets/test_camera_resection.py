import numpy as np
import pytest
from made_benchmarks import PLACES, camera, people, seen

from pose_lib.datasets.camera_resection import resect
from pose_lib.errors import InputError


def fit(n_frames=200, noise=0.0, outliers=0.0):
    """A camera found from people, and the angle in degrees that it is off by."""
    rng = np.random.default_rng(0)
    world = people(rng, n_frames).reshape(-1, 3)
    pixels = seen(world, PLACES[0]) + rng.normal(0, noise, (len(world), 2))
    wrong = rng.random(len(world)) < outliers
    pixels[wrong] += rng.normal(0, 100, (wrong.sum(), 2))
    found = resect(world, pixels.astype(np.float32))
    rotation, translation = camera(np.array(PLACES[0]))
    cosine = (np.trace(found.rotation @ rotation.T) - 1) / 2
    return found, np.degrees(np.arccos(min(cosine, 1))), translation


def test_a_camera_with_a_bending_lens_is_found_exactly():
    found, angle, translation = fit(n_frames=8)
    assert angle < 0.01
    assert found.residual < 0.01
    np.testing.assert_allclose(found.translation, translation, atol=1e-3)


def test_points_come_into_the_camera_frame():
    found, _, _ = fit()
    world = people(np.random.default_rng(1), 3)
    rotation, translation = camera(np.array(PLACES[0]))
    np.testing.assert_allclose(found.turned(world), world @ rotation.T + translation, atol=1e-3)
    assert (found.turned(world)[..., 2] > 0).all()


def test_a_detectors_errors_turn_the_camera_little():
    found, angle, _ = fit(noise=5, outliers=0.03)
    assert angle < 3
    assert 3 < found.residual < 8


@pytest.mark.parametrize("n_points", [0, 99])
def test_too_few_points_are_refused(n_points):
    with pytest.raises(InputError, match=f"{n_points} points"):
        resect(np.ones((n_points, 3)), np.ones((n_points, 2)))


def test_points_in_one_place_are_refused():
    with pytest.raises(InputError, match="no camera"):
        resect(np.ones((200, 3)), np.ones((200, 2)))


def test_pixels_of_something_else_fit_badly_or_not_at_all():
    rng = np.random.default_rng(0)
    world = people(rng, 50).reshape(-1, 3)
    try:
        residual = resect(world, rng.uniform(0, 1000, (len(world), 2))).residual
    except InputError:
        return
    assert residual > 100
