"""A detector of your own: what pose_lib/extract/detector.py asks for.

Handed over in Python, only the class is needed. For `poselift` itself name this module in your
package's pyproject.toml, and choose it with `detector = "own"` under [extract]:

    [project.entry-points."poselift.detectors"]
    own = "custom_detector"
"""

from pathlib import Path

import numpy as np

import pose_lib
from pose_lib.extract.detector import DetectorIdentity


class OwnDetector:
    """Says that one person stands upright in the middle; yours would run a network here."""

    skeleton = pose_lib.BODY_15
    min_side = 64  # large JPEG files may be read smaller, as long as both sides keep this

    def detect(self, image: np.ndarray) -> pose_lib.People:
        """Return the people in a BGR image; a missing joint is nan, nan, 0."""
        height, width = image.shape[:2]
        x = [0, 0, -3, -4, -4, 2, 3, 3, 0, -2, -3, -3, 2, 2, 2]  # in 40ths of the height
        y = [5, 9, 9, 14, 19, 9, 14, 19, 18, 19, 27, 35, 18, 26, 33]
        xy = np.column_stack([x, y]) * height / 40 + [width / 2, 0]
        keypoints = np.column_stack([xy, np.full(len(xy), 0.5)])[None]
        return pose_lib.People(keypoints.astype(np.float32), score=np.array([0.5], np.float32))


def identify(settings: None, weights: Path) -> DetectorIdentity:
    """Say what the results depend on; a store made by another version is refused."""
    return DetectorIdentity(pose_lib.BODY_15, weights_sha256="none", settings={"version": 1})


def load(settings: None, weights: Path, *, threads: int) -> OwnDetector:
    """Return the detector, ready to work in a worker process."""
    return OwnDetector()


if __name__ == "__main__":
    from pose_lib.datasets.sample import sample_images

    photo = sample_images() / "demo_stand.jpg"
    people = pose_lib.find_people(photo, OwnDetector())
    poses = pose_lib.lift(people)
    pose_lib.plot_person(people, poses, image=pose_lib.read_image(photo)).savefig("own.png")
    print(f"{people.n_people} person, on {people.skeleton.name}")
