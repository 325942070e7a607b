"""A run that sleeps while it publishes, and wakes when another has taken its place."""

import pytest
from made_up_shard import PROVENANCE, assert_found_in_all, work_on

from pose_lib.errors import InputError
from pose_lib.store import open_store, part_gathering, publication, publish, read_keypoints
from pose_lib.store.lock import LeaseLostError

NAMES = tuple(f"{number}.jpg" for number in range(8))
DIGESTS = {name: f"digest-{name}" for name in NAMES}


@pytest.mark.parametrize("asleep_at", ["append_arrays", "write_chosen"])
@pytest.mark.parametrize("others", [NAMES, NAMES[:5]])
def test_one_who_slept_while_another_published_tears_nothing(
    tmp_path, monkeypatch, asleep_at, others
):
    store = tmp_path / "s.zarr"
    open_store(store, PROVENANCE)
    work_on(store, NAMES)
    monkeypatch.setattr(part_gathering, "_BLOCK_ROWS", 4)
    awake = getattr(publication, asleep_at)

    def asleep(*arguments):
        monkeypatch.setattr(publication, asleep_at, awake)
        publish(store, others, DIGESTS)
        awake(*arguments)

    monkeypatch.setattr(publication, asleep_at, asleep)
    with pytest.raises(LeaseLostError, match="run the same command again"):
        publish(store, NAMES, DIGESTS)
    with pytest.raises(InputError, match="not complete"):
        read_keypoints(store)
    for names in (others, NAMES):
        publish(store, names, DIGESTS)
        assert_found_in_all(read_keypoints(store), names)
