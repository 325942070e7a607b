"""The registry of lifters on a real MLflow database."""

import numpy as np
import pytest

from pose_lib.datasets.sample import sample_poses
from pose_lib.errors import InputError
from pose_lib.lifting.files.lifter_folder import bundled_lifter, save_lifter
from pose_lib.training_data import read_training_poses
from tasks.mlflow_tracking.client import tracked_run
from tasks.mlflow_tracking.registry import (
    as_table,
    fetch_lifter,
    label_of,
    list_lifters,
    promote,
    register_lifter,
    rollback,
    run_of,
)


@pytest.fixture(scope="module")
def poses():
    return read_training_poses([sample_poses()]).poses[:5]


@pytest.fixture
def folder(tmp_path):
    save_lifter(bundled_lifter(), tmp_path / "lifter")
    return tmp_path / "lifter"


@pytest.fixture
def two_versions(workspace, folder, poses):
    with tracked_run("two lifters") as run:
        for _ in range(2):
            register_lifter(folder, poses)
    return run.info.run_id


def test_the_champion_moves_to_the_newest_and_where_it_is_told(two_versions):
    assert _champions() == [2]
    assert [lifter.version for lifter in list_lifters()] == [2, 1]
    assert promote(1).aliases == ("champion",)
    assert _champions() == [1]
    promote(2)
    assert rollback().version == 1
    assert _champions() == [1]
    with pytest.raises(InputError, match="version 1 is the oldest"):
        rollback()
    with pytest.raises(InputError, match="no version 7; registered: 2, 1"):
        promote(7)
    assert _champions() == [1]


def test_a_lifter_lifts_the_same_wherever_it_is_fetched_from(two_versions, folder, poses):
    wanted = fetch_lifter("bundled").lift(poses).poses3d
    assert np.isfinite(wanted).all()
    for uri in (str(folder), "models:/pose-lifter/1", "models:/pose-lifter@champion"):
        np.testing.assert_array_equal(fetch_lifter(uri).lift(poses).poses3d, wanted)


def test_a_registered_lifter_names_the_run_that_made_it(two_versions, folder):
    assert run_of("models:/pose-lifter@champion") == two_versions
    assert run_of("bundled") is None
    assert run_of(str(folder)) is None
    rows = as_table(list_lifters())
    assert [(row["uri"], row["run_id"]) for row in rows] == [
        ("models:/pose-lifter/2", two_versions),
        ("models:/pose-lifter/1", two_versions),
    ]


def test_an_empty_registry_has_nothing_to_list_promote_or_roll_back(workspace):
    assert list_lifters() == []
    with pytest.raises(InputError, match="no champion"):
        rollback()
    with pytest.raises(InputError, match="registered: none"):
        promote(1)


@pytest.mark.parametrize(
    "uri", ["nowhere", "models:/pose-lifter/3", "models:/pose-lifter@nobody", "runs:/0/lifter"]
)
def test_a_lifter_that_is_not_there_is_one_line_of_bad_input(workspace, uri):
    with pytest.raises(InputError) as error:
        fetch_lifter(uri)
    assert uri in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("uri", "label"),
    [
        ("bundled", "bundled"),
        ("models:/pose-lifter/3", "pose-lifter 3"),
        ("models:/pose-lifter@champion", "pose-lifter@champion"),
        ("/data/lifters/best", "best"),
    ],
)
def test_a_model_has_a_short_name_that_can_be_part_of_a_file_name(uri, label):
    assert label_of(uri) == label


def _champions():
    return [lifter.version for lifter in list_lifters() if "champion" in lifter.aliases]
