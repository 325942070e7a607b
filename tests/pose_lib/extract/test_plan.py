"""Laws of the plan that cuts the image list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_lib.extract.plan import plan_shards

counts = st.integers(min_value=1, max_value=40)


@given(st.sets(st.text(max_size=4), max_size=300), counts, counts, counts)
def test_every_image_is_in_exactly_one_shard_in_sorted_order(names, length, workers, most):
    shards = plan_shards(list(names), images_per_shard=length, n_workers=workers, max_shards=most)
    assert [name for shard in shards for name in shard.names] == sorted(names)
    assert [shard.index for shard in shards] == list(range(len(shards)))


@given(st.integers(min_value=0, max_value=5000), counts, counts)
def test_there_are_never_too_many_shards_and_none_is_empty(n_images, length, workers):
    shards = plan_shards(_names(n_images), images_per_shard=length, n_workers=workers)
    lengths = [len(shard.names) for shard in shards]
    assert len(shards) <= min(100, 32 * workers)
    assert min(lengths, default=1) >= 1
    if n_images / length + 1.5 * workers <= min(100, 32 * workers):
        assert max(lengths, default=1) <= length


def test_every_worker_gets_a_shard_where_there_are_images_enough():
    assert len(plan_shards(_names(10), images_per_shard=1000, n_workers=4)) == 4
    assert len(plan_shards(_names(3), images_per_shard=1000, n_workers=4)) == 3


def test_the_last_shard_of_each_worker_is_half_as_long_as_the_others():
    shards = plan_shards(_names(640), images_per_shard=128, n_workers=2)
    assert [len(shard.names) for shard in shards] == [128, 128, 128, 128, 64, 64]
    shards = plan_shards(_names(200), images_per_shard=128, n_workers=2)
    assert [len(shard.names) for shard in shards] == [66, 67, 33, 34]


def test_few_images_are_cut_once_for_each_worker():
    shards = plan_shards(_names(100), images_per_shard=128, n_workers=2)
    assert [len(shard.names) for shard in shards] == [50, 50]


def test_the_plan_does_not_depend_on_the_order_of_the_names():
    names = _names(50)
    plans = [plan_shards(n, images_per_shard=7, n_workers=1) for n in (names, names[::-1])]
    assert plans[0] == plans[1]


def test_a_length_of_zero_is_refused():
    with pytest.raises(ValueError, match="images_per_shard 0"):
        plan_shards(["a.jpg"], images_per_shard=0, n_workers=1)


def _names(count):
    return [f"{index:05}.jpg" for index in range(count)]
