"""2D poses to train a lifter on, whatever they come in."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pose_lib.convert import convert_keypoints
from pose_lib.datasets.mpii import read_mpii
from pose_lib.errors import InputError
from pose_lib.files.locations import Location, location
from pose_lib.formats.npy_pair import KEYPOINTS_FILE, read_npy_pair
from pose_lib.formats.openpose_json import read_openpose
from pose_lib.keypoints import Keypoints
from pose_lib.skeleton import BODY_15, MPII_16, Skeleton
from pose_lib.store import is_store, read_keypoints

ACCEPTED = (
    "a keypoint store, a folder with keypoints.npy and filenames.npy, a folder of OpenPose JSON, "
    "or MPII annotations (.mat, or .npz with joints and joint_names)"
)


@dataclass(frozen=True)
class TrainingPoses:
    """The people of all sources on the lifter's skeleton.

    Attributes:
        poses: BODY_15: x, y in pixels and confidence; missing is ``(nan, nan, 0)``.
        sources: Each source and how many poses came from it.
        skeletons: What each source has its joints from, by name.
    """

    poses: Float[np.ndarray, "pose 15 3"]
    sources: tuple[tuple[str, int], ...]
    skeletons: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.skeletons) != len(self.sources):
            raise ValueError(f"{len(self.skeletons)} skeletons of {len(self.sources)} sources")
        if sum(count for _, count in self.sources) != len(self.poses):
            raise ValueError(f"{self.sources} do not add up to {len(self.poses)} poses")

    @property
    def digest(self) -> str:
        """SHA-256 of the poses, the same wherever they were read from."""
        return hashlib.sha256(np.ascontiguousarray(self.poses, "<f4").tobytes()).hexdigest()

    @property
    def counts(self) -> tuple[int, ...]:
        """How many poses come from each source."""
        return tuple(count for _, count in self.sources)

    @property
    def by_skeleton(self) -> dict[str, Float[np.ndarray, "_ 15 3"]]:
        """The poses by the skeleton they come from, in small letters: ``mpii_16``."""
        names = [name.lower() for name in self.skeletons]
        of_pose = np.repeat(np.array(names), [count for _, count in self.sources])
        return {name: self.poses[of_pose == name] for name in dict.fromkeys(names)}


def read_training_poses(sources: Sequence[str | Location]) -> TrainingPoses:
    """Read people from stores, npy pairs, OpenPose JSON and MPII annotations, in the order given.

    People of whom no joint of BODY_15 was found are left out.

    Raises:
        InputError: If a source is none of these, or there is not one pose in all of them.
    """
    read = [_read_poses(location(source)) for source in sources]
    parts = [poses[(poses[..., 2] > 0).any(-1)] for poses, _ in read]
    if not sum(map(len, parts)):
        named = ", ".join(map(str, sources)) or "no source"
        raise InputError(f"there is no pose to train on in {named}")
    counts = tuple((str(source), len(part)) for source, part in zip(sources, parts, strict=True))
    skeletons = tuple(skeleton.name for _, skeleton in read)
    return TrainingPoses(np.concatenate(parts), counts, skeletons)


def _read_poses(source: Location) -> tuple[Float[np.ndarray, "pose 15 3"], Skeleton]:
    """Return a source's poses, and the skeleton that they were found or annotated on."""
    if not source.exists():
        raise InputError(f"there is no training data at {source}; accepted is {ACCEPTED}")
    if isinstance(source, Path) and source.suffix.lower() in (".mat", ".npz"):
        return convert_keypoints(read_mpii(source), MPII_16, BODY_15), MPII_16
    people = _read_people(source)
    return convert_keypoints(people.keypoints, people.skeleton, BODY_15), people.skeleton


def _read_people(source: Location) -> Keypoints:
    if is_store(source):
        return read_keypoints(source).only_chosen()
    if not isinstance(source, Path):
        raise InputError(f"{source} is no keypoint store; fetch other training data first")
    if (source / KEYPOINTS_FILE).exists():
        return read_npy_pair(source)
    if source.suffix.lower() == ".json" or any(source.rglob("*.json")):
        return read_openpose(source)
    raise InputError(f"{source} is no training data; accepted is {ACCEPTED}")
