import dataclasses

import pytest
import torch
from made_people import walking_bones

from pose_lib.lifting.bones import joints_of
from pose_lib.lifting.training.config import NoiseConfig
from pose_lib.lifting.training.openpose_noise import (
    ERROR_SIZES,
    LACKING,
    LEVELS,
    NEAR_OTHER_SIDE,
    NOSE_LACKING_FROM_BEHIND,
    TAKEN_FOR_OTHER_SIDE,
    by_openpose,
)
from pose_lib.skeleton import BODY_15

UNSWAPPED = NoiseConfig(body_swap_probability=0.0, limb_swap_probability=0.0)


@pytest.fixture
def people(rng):
    exact = joints_of(walking_bones(4000, rng))[..., :2]
    return exact, (exact.amax(dim=1) - exact.amin(dim=1)).amax(dim=1)


def joints_of_kind(kind):
    return [number for number, joint in enumerate(BODY_15.joints) if joint.endswith(kind)]


def errors(people, seed=0, config=UNSWAPPED):
    joints, confidence = by_openpose(*people, config, torch.Generator().manual_seed(seed))
    return (joints - people[0]).norm(dim=-1) / people[1][:, None], confidence


@pytest.mark.parametrize("kind", ERROR_SIZES)
def test_each_kind_of_joint_errs_as_measured(people, kind):
    error, _ = errors(people)
    drawn = error[:, joints_of_kind(kind)].flatten()
    for level, size in list(zip(LEVELS, ERROR_SIZES[kind], strict=True))[:4]:
        assert drawn.quantile(level) == pytest.approx(size, rel=0.25)


def test_no_error_leaves_the_person_far_behind(people):
    error, _ = errors(people)
    assert error.max() < 1.5
    assert (error > 0.5).float().mean() < 0.003


@pytest.mark.parametrize(
    ("share", "moved"),
    [
        ("body_swap_probability", ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")),
        ("limb_swap_probability", ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")),
    ],
)
def test_swapping_all_exchanges_exactly_left_and_right(people, share, moved):
    always = dataclasses.replace(UNSWAPPED, **{share: 1.0})
    plain, swapped = (
        by_openpose(*people, config, torch.Generator().manual_seed(3))
        for config in (UNSWAPPED, always)
    )
    for before, after in zip(plain, swapped, strict=True):
        assert torch.equal(before[:, BODY_15.mirror], after)
    assert all(
        not torch.equal(plain[0][:, joints_of_kind(kind)], swapped[0][:, joints_of_kind(kind)])
        for kind in moved
    )


def test_limbs_are_swapped_as_often_as_set(people):
    often = dataclasses.replace(UNSWAPPED, limb_swap_probability=0.2)
    plain, swapped = (
        by_openpose(*people, config, torch.Generator().manual_seed(3))[0]
        for config in (UNSWAPPED, often)
    )
    differ = (plain != swapped).any(-1)
    arms, legs = (differ[:, BODY_15.index(joint)] for joint in ("left_elbow", "left_knee"))
    assert arms.float().mean() == pytest.approx(0.2, abs=0.03)
    assert (arms & legs).float().mean() == pytest.approx(0.04, abs=0.015)
    assert torch.equal(arms, differ[:, BODY_15.index("right_wrist")])


def test_worse_joints_are_less_sure(people):
    error, confidence = errors(people)
    found = confidence > 0
    medians = [
        confidence[found & (error >= low) & (error < high)].median()
        for low, high in ((0.0, 0.01), (0.02, 0.03), (0.05, 0.1), (0.2, 1.0))
    ]
    assert medians == sorted(medians, reverse=True)
    assert 0.7 < medians[0] < 0.85
    assert 0.15 < medians[-1] < 0.35


def test_limbs_are_followed_outward_and_never_past_a_gap(people):
    _, confidence = errors(people)
    missing = confidence == 0
    for before, after in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow")):
        for side in ("left", "right"):
            start, end = (missing[:, BODY_15.index(f"{side}_{kind}")] for kind in (before, after))
            assert end[start].all()
            assert (~end[~start]).float().mean() == pytest.approx(1 - LACKING[after], abs=0.02)


def test_noses_are_missing_mostly_from_behind(people):
    exact, box = people
    lost = []
    for turned in (1.0, -1.0):
        view = exact * torch.tensor([turned, 1.0])
        _, confidence = by_openpose(view, box, UNSWAPPED, torch.Generator().manual_seed(0))
        lost.append((confidence[:, BODY_15.index("nose")] == 0).float().mean().item())
    assert lost == pytest.approx([LACKING["nose"], NOSE_LACKING_FROM_BEHIND], abs=0.03)


def test_joints_of_a_limb_err_together(people):
    error, _ = errors(people)
    far = error > 0.08
    elbow, wrist, other = (
        far[:, BODY_15.index(joint)] for joint in ("left_elbow", "left_wrist", "right_ankle")
    )
    by_chance = wrist.float().mean()
    assert wrist[elbow].float().mean() > 2 * by_chance
    assert wrist[other].float().mean() < 2 * by_chance


def test_a_joint_is_reported_at_its_partner_where_the_two_are_near(people):
    exact, box = people[0] * torch.tensor([0.6, 1.0]), people[1]  # half turned away
    joints, _ = by_openpose(exact, box, UNSWAPPED, torch.Generator().manual_seed(0))
    ankle, other = BODY_15.index("left_ankle"), BODY_15.index("right_ankle")
    near = (exact[:, ankle] - exact[:, other]).norm(dim=-1) / box < NEAR_OTHER_SIDE
    taken = (joints[:, ankle] - exact[:, other]).norm(dim=-1) / box < 0.06
    assert taken[near].float().mean() == pytest.approx(TAKEN_FOR_OTHER_SIDE["ankle"], abs=0.03)
