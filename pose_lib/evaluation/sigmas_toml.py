"""How far annotators differ on each joint, as a TOML file of a user's own."""

from pathlib import Path

from pose_lib.errors import InputError
from pose_lib.evaluation.keypoint_metrics import COCO_SIGMAS
from pose_lib.files.parsing import read_toml
from pose_lib.skeleton import SKELETONS


def read_sigmas(path: Path) -> dict[str, float]:
    """Read ``joint = sigma`` lines; joints that are not named keep COCO's sigma.

    A joint is named with its side, ``left_wrist``, or without, ``wrist``, for both.

    Raises:
        InputError: If the file cannot be read, names no joint there is, or a sigma is no number
            above 0.
    """
    table = read_toml(path, "file of sigmas")
    joints = {joint for skeleton in SKELETONS for joint in skeleton.joints}
    known = joints | {joint.removeprefix("left_").removeprefix("right_") for joint in joints}
    for joint, sigma in table.items():
        if joint not in known:
            raise InputError(
                f"{path}: there is no joint {joint!r}; known: {', '.join(sorted(known))}"
            )
        if isinstance(sigma, bool) or not isinstance(sigma, int | float) or not 0 < sigma < 1e6:
            raise InputError(
                f"{path}: the sigma of {joint} must be a number above 0, not {sigma!r}"
            )
    return {**COCO_SIGMAS, **{joint: float(sigma) for joint, sigma in table.items()}}
