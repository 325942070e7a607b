"""Lifters registered by the version before still load: MLflow keeps the code that loads them."""

from importlib.resources import as_file, files
from pathlib import Path

import mlflow
import numpy as np
import pytest

from pose_lib.datasets.sample import sample_poses
from pose_lib.lifting.files.lifter_folder import load_lifter
from pose_lib.training_data import read_training_poses

LIFTER_MODEL = Path(__file__).parents[2] / "data" / "lifter_model_0_1.py"
"""`tasks/lifter_model.py` as version 0.1.0 stored it with each lifter. Never change it."""


@pytest.mark.filterwarnings("ignore")  # of MLflow, about type hints
def test_a_lifter_registered_by_the_version_before_loads_and_lifts(tmp_path):
    with as_file(files("pose_lib") / "data" / "lifter") as folder:
        mlflow.pyfunc.save_model(
            tmp_path / "model",
            python_model=str(LIFTER_MODEL),
            artifacts={"lifter": str(folder)},
            pip_requirements=["poselift==0.1.0"],
        )
        expected = load_lifter(folder)
    poses = read_training_poses([sample_poses()]).poses[:5]
    assert "pose_lib.formats.lifter_folder" in (tmp_path / "model" / LIFTER_MODEL.name).read_text()
    rows = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(poses.reshape(-1, 45))
    np.testing.assert_array_equal(rows.reshape(-1, 15, 3), expected.lift(poses).poses3d)
