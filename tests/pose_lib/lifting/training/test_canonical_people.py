import numpy as np
import pytest
import torch

from pose_lib.errors import InputError
from pose_lib.lifting.bones import bone_indices
from pose_lib.lifting.training.canonical_people import (
    MIN_PEOPLE_OF_A_SOURCE,
    canonical_people,
    facing_weights,
    people_by_source,
)
from pose_lib.skeleton import BODY_15


def test_where_people_stand_and_how_large_they_are_does_not_matter(poses):
    moved = poses * np.float32([3, 3, 1]) + np.float32([100, -50, 0])
    people, same = canonical_people(poses), canonical_people(moved)
    torch.testing.assert_close(people.bones, same.bones, rtol=1e-3, atol=1e-3)


def test_incomplete_people_are_left_out_and_counted(poses, holes):
    n_complete = int((holes[..., 2] > 0).all(1).sum())
    people = canonical_people(np.concatenate([poses, holes]))
    assert people.n_incomplete == len(holes) - n_complete
    assert len(people) + people.n_implausible == len(poses) + n_complete
    assert people.bones.isfinite().all()


def test_a_joint_that_is_not_a_number_makes_a_person_incomplete(poses):
    broken = poses.copy()
    broken[3, 4, 0] = np.nan
    assert canonical_people(broken).n_incomplete == 1


def test_a_person_with_an_arm_as_long_as_a_house_is_left_out(poses):
    broken = poses.copy()
    broken[3, BODY_15.index("left_wrist"), 0] += 5000
    before, after = canonical_people(poses), canonical_people(broken)
    assert after.n_implausible == before.n_implausible + 1


def test_too_few_people_are_refused_with_both_numbers(poses, holes):
    with pytest.raises(InputError, match="100 complete people are needed, but only 60 of 60"):
        canonical_people(poses[:60])
    with pytest.raises(InputError, match="needed, but only"):
        canonical_people(holes)


def test_people_whose_joints_coincide_are_refused():
    points = np.ones((200, 15, 3), np.float32)
    with pytest.raises(InputError, match="do not all coincide"):
        canonical_people(points)


def test_a_large_source_is_freed_of_its_own_proportions(poses):
    many = np.tile(poses, (4, 1, 1))
    both = np.concatenate([many, with_wide_hips(many)])
    apart = people_by_source(both, [len(many), len(many)], most=2)
    together = people_by_source(both, [len(many), len(many)], most=1)
    assert len(apart) == 2
    assert len(together) == 1
    assert hips_apart(apart[0], apart[1]) < 0.01 < hips_apart(apart[0], together[0])


def test_a_small_source_joins_the_largest(poses):
    many, few = np.tile(poses, (4, 1, 1)), poses[: MIN_PEOPLE_OF_A_SOURCE // 10]
    people = people_by_source(np.concatenate([few, many]), [len(few), len(many)], most=2)
    assert len(people) == 1
    assert len(people[0]) + people[0].n_implausible == len(few) + len(many)


def test_counts_that_do_not_add_up_are_refused(poses):
    with pytest.raises(ValueError, match="do not add up"):
        people_by_source(poses, [1, 2])


def with_wide_hips(poses):
    """Return the people as a data set would annotate them that puts hips half as far again."""
    wide, pelvis = poses.copy(), poses[:, [BODY_15.index("pelvis")], :2]
    hips = [BODY_15.index(f"{side}_hip") for side in ("left", "right")]
    wide[:, hips, :2] = pelvis + 1.5 * (poses[:, hips, :2] - pelvis)
    return wide


def hips_apart(people, others):
    """Return how much the mean canonical width of the hips differs."""
    means = [who.bones[:, bone_indices("hip_axis")].norm(dim=-1).mean() for who in (people, others)]
    return abs(means[0] - means[1]).item()


def test_weights_even_out_which_way_people_face(rng):
    cosine = torch.rand(20_000, generator=rng) ** 0.3  # most face one way
    bones = torch.zeros(len(cosine), 12, 2)
    bones[:, bone_indices("hip_axis", "shoulder_axis"), 0] = cosine[:, None]
    weights = facing_weights(bones)
    share = [weights[(cosine >= low) & (cosine < low + 0.25)].sum() for low in (0.25, 0.5)]
    angles = np.arcsin([0.25, 0.5, 0.75])
    np.testing.assert_allclose(
        (share[1] / share[0]).item(), (angles[2] - angles[1]) / (angles[1] - angles[0]), rtol=0.2
    )


def test_half_of_the_drawn_people_are_mirrored(poses, rng):
    people = canonical_people(poses)
    one = people.draw(1, torch.Generator().manual_seed(0))
    drawn = people.draw(2000, rng)
    assert drawn.shape == (2000, *one.shape[1:])
    assert drawn[:, 0, 0].mean().abs() < 0.1  # the hip axis points left as often as right
