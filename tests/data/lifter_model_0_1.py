"""The registered model: what MLflow loads, from this file and safetensors, without pickle.

Input: float32 (pose, 45), the x, y, confidence of ``BODY_15`` in pixels, flattened; a missing
joint has confidence 0. Output: float32 (pose, 45), x, y, z flattened, unitless, camera frame,
pelvis at the origin; NaN for a pose with too few joints to lift.
"""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.pyfunc import PythonModel, PythonModelContext

from pose_lib.formats.lifter_folder import load_lifter
from pose_lib.skeleton import BODY_15

ARTIFACT = "lifter"
N_COLUMNS = 3 * len(BODY_15)


class LifterModel(PythonModel):
    """A lifter behind MLflow's interface."""

    _skip_type_hint_validation = True  # MLflow would warn that arrays are no schema it knows

    def load_context(self, context: PythonModelContext) -> None:
        """Load the lifter from the model's artifacts."""
        self.lifter = load_lifter(Path(context.artifacts[ARTIFACT]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,
    ) -> np.ndarray:
        """Lift poses, rows of 45 numbers in and out."""
        rows = np.asarray(model_input, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != N_COLUMNS:
            raise ValueError(f"expected rows of {N_COLUMNS} numbers, got shape {rows.shape}")
        poses = rows.reshape(-1, len(BODY_15), 3).copy()
        poses[~(poses[..., 2] > 0)] = np.nan, np.nan, 0
        return self.lifter.lift(poses).poses3d.reshape(-1, N_COLUMNS)


mlflow.models.set_model(LifterModel())
