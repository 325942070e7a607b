"""How well the bundled OpenPose network finds annotated people.

    python benchmarks/keypoints.py DATA

DATA is the development data: `mpii/images` with `ground_truth.json`, and `images/mmpose/coco` with
`test_coco.json`.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from pose_lib.keypoint_metrics import match_people, oks, pckh
from pose_lib.openpose.detector import Detector, DetectorConfig, load_detector
from pose_lib.skeleton import COCO_17, COCO_18, MPII_16

LIMB_JOINTS = tuple(
    f"{side}_{part}"
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", type=Path)
    folder = parser.parse_args().data
    detector = load_detector(DetectorConfig(), threads=1)
    right, annotated = limb_joints_right(detector, folder / "mpii/images")
    print(f"MPII: PCKh@0.5 {100 * right / annotated:.1f}, {right} of {annotated} limb joints right")
    similarities = person_similarities(detector, folder / "images/mmpose/coco")
    print(f"COCO: mean OKS {np.mean(similarities):.3f} of {len(similarities)} people")


def limb_joints_right(detector: Detector, folder: Path) -> tuple[int, int]:
    """Count the visible limb joints that are right at PCKh@0.5, and those annotated.

    A head is as long as from its top to the upper neck.
    """
    counts = []
    for name, people in json.loads((folder / "ground_truth.json").read_text())["images"].items():
        xy = np.array([person["joints"] for person in people])
        visible = np.array([person["visible"] for person in people])[..., None] > 0
        truth = np.concatenate([xy, visible], axis=-1)[:, MPII_16.indices(LIMB_JOINTS)]
        top, neck = (xy[:, MPII_16.index(joint)] for joint in ("head_top", "upper_neck"))
        found = detector.detect(cv2.imread(str(folder / name))).keypoints
        head_size = np.linalg.norm(top - neck, axis=-1)
        counts.append(pckh(found[:, COCO_18.indices(LIMB_JOINTS)], truth, head_size))
    right, annotated = np.sum(counts, axis=0).tolist()
    return right, annotated


def person_similarities(detector: Detector, folder: Path) -> list[float]:
    """Return the OKS of every annotated person; 0 for one who is not found."""
    annotations = json.loads((folder / "test_coco.json").read_text())
    similarities: list[float] = []
    for image in annotations["images"]:
        people = [
            person
            for person in annotations["annotations"]
            if person["image_id"] == image["id"] and person["num_keypoints"] > 0
        ]
        found = detector.detect(cv2.imread(str(folder / image["file_name"]))).keypoints
        truth = np.array([person["keypoints"] for person in people], float).reshape(-1, 17, 3)
        area = np.array([person["area"] for person in people])
        similarity = oks(found[:, COCO_18.indices(COCO_17.joints)], truth, area)
        matched = match_people(similarity)
        similarities += [
            float(similarity[person, match]) if match >= 0 else 0.0
            for person, match in enumerate(matched)
        ]
    return similarities


if __name__ == "__main__":
    main()
