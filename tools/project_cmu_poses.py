"""Make ``pose_lib/data/sample/poses_2d.npz``: 2D poses of the CMU motions, seen by random cameras.

    python tools/project_cmu_poses.py cmu_train.npz

The given file holds ``poses`` (pose, 24, 3) in mm with y up, and the 24 names as ``joints``. The
result is in the form of MPII annotations, so that the demo has something to train on; no depth is
kept.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pose_lib.skeleton import MPII_16

RESULT = Path(__file__).parents[1] / "pose_lib/data/sample/poses_2d.npz"
WIDTH, HEIGHT = 1280, 720
ACKNOWLEDGEMENT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("motions", type=Path, help="cmu_train.npz")
    parser.add_argument("--poses", type=int, default=2000, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=RESULT, help="default: %(default)s")
    arguments = parser.parse_args()

    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    n_poses = write_projections(
        arguments.motions, arguments.out, arguments.poses, seed=arguments.seed
    )
    print(f"{n_poses} poses, {arguments.out.stat().st_size} bytes: {arguments.out}")
    return 0


def write_projections(
    motions: Path, out: Path, n_poses: int | None = None, *, views: int = 1, seed: int = 0
) -> int:
    """Write 2D poses of the motions in the form of MPII annotations; return how many.

    Args:
        n_poses: Poses to take of the motions, by default all.
        views: How many cameras see each pose.
    """
    bodies = read_bodies(motions)
    picked = np.tile(bodies if n_poses is None else spread(bodies, n_poses), (views, 1, 1))
    joints = project_in_frame(picked, np.random.default_rng(seed))
    np.savez_compressed(
        out,
        joints=joints.round(1),
        joint_names=np.array(MPII_16.joints),
        acknowledgement=np.array(ACKNOWLEDGEMENT),
    )
    return len(joints)


def read_bodies(path: Path) -> Float[np.ndarray, "pose 16 3"]:
    """Return the motions' joints of MPII_16 in mm, y up, pelvis at the origin."""
    with np.load(path, allow_pickle=False) as motions:
        names, poses = motions["joints"].tolist(), motions["poses"].astype(np.float64)
    picked = poses[:, [names.index(_cmu_name(joint)) for joint in MPII_16.joints]]
    return picked - picked[:, [MPII_16.index("pelvis")]]


def spread(bodies: Float[np.ndarray, "frame 16 3"], n_poses: int) -> Float[np.ndarray, "pose 16 3"]:
    """Return poses evenly spread over the motions; 2,000 are 0.3 s apart."""
    return bodies[np.linspace(0, len(bodies) - 1, n_poses).round().astype(int)]


def project_in_frame(
    bodies: Float[np.ndarray, "pose 16 3"], rng: np.random.Generator
) -> Float[np.ndarray, "pose 16 2"]:
    """Return each body in pixels, from cameras drawn again until it is whole in the picture."""
    joints = np.full((len(bodies), 16, 2), np.nan, np.float32)
    while (left := np.flatnonzero(np.isnan(joints).any((1, 2)))).size:
        seen = project(bodies[left], rng)
        whole = ((seen >= 0) & (seen < [WIDTH, HEIGHT])).all((1, 2))
        joints[left[whole]] = seen[whole]
    return joints


def project(
    bodies: Float[np.ndarray, "pose 16 3"], rng: np.random.Generator
) -> Float[np.ndarray, "pose 16 2"]:
    """Return the bodies in pixels, each seen by a pinhole camera of its own.

    The camera stands all around (azimuth), mostly a little above (pitch N(5, 8) degrees), 2.5 to
    7 m away, with a focal length as of usual lenses, and the pelvis not quite in the middle.
    """
    count = len(bodies)
    azimuth = rng.uniform(0, 2 * np.pi, count)
    pitch = np.radians(rng.normal(5, 8, count))
    distance = rng.uniform(2500, 7000, count)
    focal = rng.uniform(900, 1400, count)
    middle = rng.normal([WIDTH / 2, HEIGHT / 2], [WIDTH / 8, HEIGHT / 16], (count, 2))

    turn = _turns(azimuth, axis=1)
    face = np.diag([1.0, -1.0, -1.0])  # from y up, z near to y down, z away
    tilt = _turns(pitch, axis=0)
    xyz = np.einsum("pij,jk,pkl,pnl->pni", tilt, face, turn, bodies)
    xyz[..., 2] += distance[:, None]
    return focal[:, None, None] * xyz[..., :2] / xyz[..., 2:] + middle[:, None]


def _turns(angles: Float[np.ndarray, "pose"], axis: int) -> Float[np.ndarray, "pose 3 3"]:
    """Return right-handed rotations about one axis."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turns = np.zeros((len(angles), 3, 3))
    turns[:, axis, axis] = 1
    turns[:, i, i] = turns[:, j, j] = np.cos(angles)
    turns[:, i, j], turns[:, j, i] = -np.sin(angles), np.sin(angles)
    return turns


def _cmu_name(joint: str) -> str:
    """Return a joint as the file names it: ``right_ankle`` is ``rankle``."""
    return joint.replace("right_", "r").replace("left_", "l").replace("_", "")


if __name__ == "__main__":
    sys.exit(main())
