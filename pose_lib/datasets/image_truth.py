"""Reader of pictures' truth: who is in each picture, in 2D and in 3D, for evaluation only."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from pose_lib.convert import convert_keypoints
from pose_lib.datasets.pose_truth import read_truth_arrays
from pose_lib.datasets.scored_poses import body_15_truth
from pose_lib.errors import InputError
from pose_lib.skeleton import BODY_15, COCO_17

_KEYS = ("files", "image_index", "kp_names", "kp2d", "vis", "kp3d_cam_mm")
_OTHERWISE = "; a truth of 2D poses goes to `poselift evaluate lifter`"


@dataclass(frozen=True)
class PictureTruth:
    """The people of some pictures, on ``BODY_15``.

    Attributes:
        filename: The pictures, with people or without.
        image: Each person's picture, a row of ``filename``.
        keypoints: x, y in pixels; the third is 2 where a joint is to be seen, 1 where something
            hides it, and ``(nan, nan, 0)`` stands for one outside the picture.
        joints3d: mm, camera frame, pelvis at the origin.
    """

    filename: tuple[str, ...]
    image: Int[np.ndarray, "person"]
    keypoints: Float[np.ndarray, "person 15 3"]
    joints3d: Float[np.ndarray, "person 15 3"]

    def __len__(self) -> int:
        return len(self.image)


def read_picture_truth(path: Path) -> PictureTruth:
    """Read an npz file of the people in pictures.

    It holds ``files``, the pictures' names; of each person ``image_index``, ``kp2d`` (person, n, 2)
    in pixels, ``vis`` (person, n) with 0 outside the picture, 1 hidden and 2 visible, and
    ``kp3d_cam_mm`` (person, n, 3) in the camera frame; and ``kp_names``, the n joints, with all of
    ``COCO_17`` among them.

    Raises:
        InputError: If the file is none, or an array is missing or of a wrong shape.
    """
    arrays = read_truth_arrays(path, _KEYS, what="truth of pictures", otherwise=_OTHERWISE)
    names = tuple(map(str, arrays["kp_names"].reshape(-1)))
    n_people = arrays["image_index"].size
    _require_shape(path, "image_index", arrays["image_index"], arrays["image_index"].shape)
    for key, axes in (("kp2d", (2,)), ("vis", ()), ("kp3d_cam_mm", (3,))):
        _require_shape(path, key, arrays[key], (n_people, len(names), *axes))
    files = tuple(map(str, arrays["files"].reshape(-1)))
    image = arrays["image_index"].reshape(-1).astype(np.int64)
    if not n_people or image.min() < 0 or image.max() >= len(files):
        raise InputError(f"{path}: image_index must name one of {len(files)} files per person")
    return PictureTruth(
        filename=files,
        image=image,
        keypoints=_body_15_keypoints(arrays, names, path),
        joints3d=body_15_truth(arrays["kp3d_cam_mm"].astype(np.float32), names, path),
    )


def _body_15_keypoints(
    arrays: dict[str, np.ndarray], names: tuple[str, ...], path: Path
) -> Float[np.ndarray, "person 15 3"]:
    if missing := [joint for joint in COCO_17.joints if joint not in names]:
        raise InputError(f"{path}: kp_names lacks {', '.join(missing)}")
    columns = [names.index(joint) for joint in COCO_17.joints]
    seen = arrays["vis"][:, columns, None].astype(np.float32)
    xy = np.where(seen > 0, arrays["kp2d"][:, columns], np.nan)
    return convert_keypoints(np.concatenate([xy, seen], -1).astype(np.float32), COCO_17, BODY_15)


def _require_shape(path: Path, key: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise InputError(
            f"{path}: {key} must hold numbers without NaN of shape {shape}, not {array.dtype} of "
            f"shape {array.shape}"
        )
