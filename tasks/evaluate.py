"""Scoring a lifter of any origin against 3D truth."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from pose_lib.formats.pose_truth import read_pose_truth
from pose_lib.formats.whole_file import write_whole
from pose_lib.lifting.evaluate import evaluate_lifter
from tasks.registry import fetch_lifter


def score_lifter(
    truth: Path, model: str, kind: str, *, adapt: bool, predictions: Path | None = None
) -> dict[str, Any]:
    """Lift the 2D of a truth file and compare.

    Args:
        kind: ``clean`` or ``noisy``, the 2D that is lifted.
        predictions: Where to write the lifted poses, if anywhere.
    """
    known = read_pose_truth(truth)
    poses = known.clean if kind == "clean" else known.noisy
    scores, lifted = evaluate_lifter(fetch_lifter(model), poses, known.joints3d, adapt=adapt)
    if predictions is not None:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, poses3d=lifted)
        write_whole(predictions, buffer.getvalue())
    return scores
