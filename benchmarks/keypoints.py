"""How well the bundled OpenPose network finds annotated people.

    python benchmarks/keypoints.py DATA

DATA is the development data: `mpii/images` and `mpii/crops256` with `ground_truth.json`,
`images/mmpose/coco` with `test_coco.json`, and `renders` with `coco_keypoints.json`.
"""

import argparse
import functools
from dataclasses import replace
from pathlib import Path

import numpy as np

from pose_lib.annotations import Annotations
from pose_lib.datasets.annotation_files import read_keypoint_truth
from pose_lib.evaluation.keypoint_report import KeypointReport, score_keypoints
from pose_lib.extract.detector import PersonDetector
from pose_lib.extract.image_result import extract_image, join_results
from pose_lib.images.find import find_images
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.load import load_openpose

TRUTH = {
    "mpii/images": "ground_truth.json",
    "mpii/crops256": "ground_truth.json",
    "images/mmpose/coco": "test_coco.json",
    "renders": "coco_keypoints.json",
}
COLUMNS = ("people", "found", "pckh50", "pckh_auc", "mean_oks", "oks_ap", "oks_ap50", "oks_ar")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    detector = load_openpose(OpenPoseConfig(), threads=1)
    print(f"{'':18}", *(f"{column:>8}" for column in COLUMNS))
    for place, truth in TRUTH.items():
        figures = score_folder(
            detector, data / place, read_keypoint_truth(data / place / truth)
        ).figures()
        print(f"{place:18}", *(f"{figures[column]:8.4g}" for column in COLUMNS))
    right, annotated = limb_joints_right(detector, data / "mpii/images")
    print(
        f"mpii/images by whole heads, top to upper neck: PCKh@0.5 {right / annotated:.3f}, "
        f"{right} of {annotated} limb joints right"
    )


def score_folder(detector: PersonDetector, folder: Path, truth: Annotations) -> KeypointReport:
    """Find the people in a folder's images and compare them with the annotated ones."""
    source = find_images(folder)
    results = [
        extract_image(functools.partial(source.read, name), detector.detect, detector.skeleton)
        for name in source.names
    ]
    return score_keypoints(join_results(source.names, results, detector.skeleton), truth)


def limb_joints_right(detector: PersonDetector, folder: Path) -> tuple[int, int]:
    """Count the limb joints that are right at PCKh@0.5, and those annotated.

    A head is as long as from its top to the upper neck: a third more than MPII's head size.
    """
    truth = read_keypoint_truth(folder / "ground_truth.json")
    ends = truth.keypoints[:, truth.skeleton.indices(("head_top", "upper_neck")), :2]
    whole_heads = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1)
    distance = score_folder(detector, folder, replace(truth, head_size=whole_heads)).distance
    return int((distance <= 0.5).sum()), int((~np.isnan(distance)).sum())


def person_similarities(detector: PersonDetector, folder: Path) -> list[float]:
    """Return the OKS of every annotated person; 0 for one who is not found."""
    truth = read_keypoint_truth(folder / "test_coco.json")
    verdicts = score_folder(detector, folder, truth).matches
    return np.concatenate([verdict.person_oks for verdict in verdicts]).tolist()


if __name__ == "__main__":
    main()
