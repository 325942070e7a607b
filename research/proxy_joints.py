"""How near MPII's joints stand-ins come, where OpenPose's network has no such joint.

    python -m research.proxy_joints DATA

DATA is the development data: `mpii/images` and `mpii/crops256` with `ground_truth.json`,
`mpii/annotations/mpii_train_full16.npz`, and `renders` with `truth.npz`.
"""

import argparse
import functools
from dataclasses import replace
from pathlib import Path

import numpy as np

from pose_lib.annotations import Annotations
from pose_lib.convert import convert_keypoints
from pose_lib.datasets.annotation_files import read_keypoint_truth
from pose_lib.datasets.mpii import read_mpii
from pose_lib.evaluation.keypoint_metrics import HEAD_OF_SEGMENT
from pose_lib.evaluation.keypoint_report import score_keypoints
from pose_lib.extract.image_result import extract_image, join_results
from pose_lib.images.find import find_images
from pose_lib.keypoints import Keypoints
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.load import load_openpose
from pose_lib.skeleton import COCO_17, MPI_15, MPII_16

MADE = ("head_top", "upper_neck", "thorax", "pelvis")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    places = {
        "mpii/images": read_keypoint_truth(data / "mpii/images/ground_truth.json"),
        "mpii/crops256": read_keypoint_truth(data / "mpii/crops256/ground_truth.json"),
        "renders/images": rendered_people(data / "renders/truth.npz"),
    }
    for place, truth in places.items():
        report = score_keypoints(found_people(data / place), truth)
        print(f"{place}: {report.found} of {report.people} people found")
        for joint in MADE:
            distance = report.distance[:, report.scored.index(joint)]
            distance = distance[~np.isnan(distance)]
            right, made = (distance <= 0.5).sum(), np.isfinite(distance)
            print(
                f"  {joint:10} of {len(distance)} annotated {made.sum()} made, {right} within half"
                f" a head, median {np.median(distance[made]) if made.any() else np.nan:.2f} heads"
            )
    print_upper_neck(read_mpii(data / "mpii/annotations/mpii_train_full16.npz"))


def found_people(folder: Path) -> Keypoints:
    """Find the people in a folder's images and give them MPII's joints."""
    detector, source = load_openpose(OpenPoseConfig(), threads=1), find_images(folder)
    results = [
        extract_image(functools.partial(source.read, name), detector.detect, detector.skeleton)
        for name in source.names
    ]
    found = join_results(source.names, results, detector.skeleton)
    converted = convert_keypoints(found.keypoints, found.skeleton, MPII_16)
    return replace(found, skeleton=MPII_16, keypoints=converted)


def rendered_people(path: Path) -> Annotations:
    """Return the true joints of the rendered people; their upper neck is not known."""
    with np.load(path, allow_pickle=False) as truth:
        files, image, joints = truth["files"], truth["image_index"], truth["kp_names"].tolist()
        seen = truth["kp2d"][:, [joints.index(joint) for joint in COCO_17.joints]]
        top = truth["rig2d"][:, truth["rig_names"].tolist().index("headtop")]
    on_coco = np.concatenate([seen, np.ones_like(seen[..., :1])], axis=-1)
    keypoints = convert_keypoints(on_coco, COCO_17, MPII_16)
    keypoints[:, MPII_16.index("head_top"), :2] = top
    keypoints[:, MPII_16.index("upper_neck")] = np.nan, np.nan, 0
    to_thorax = np.linalg.norm(top - keypoints[:, MPII_16.index("thorax"), :2], axis=-1)
    unknown = np.full(len(top), np.nan, np.float32)
    order = np.argsort(image, kind="stable")
    return Annotations(
        skeleton=MPII_16,
        filename=tuple(files.tolist()),
        image=image[order],
        keypoints=keypoints[order],
        visible=keypoints[order][..., 2] > 0,
        center=np.stack([unknown, unknown], axis=-1),
        scale=unknown,
        head_size=HEAD_OF_SEGMENT * 0.8125 * to_thorax[order],  # where the upper neck would be
        area=unknown,
    )


def print_upper_neck(people: np.ndarray) -> None:
    """Print how near the upper neck is to where it is put, and to the middle of the shoulders."""
    ends = people[:, MPII_16.indices(("head_top", "upper_neck")), :2]
    head = HEAD_OF_SEGMENT * np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1)
    on_mpi = convert_keypoints(people, MPII_16, MPI_15)
    back = convert_keypoints(on_mpi, MPI_15, MPII_16)[:, MPII_16.index("upper_neck"), :2]
    neck = on_mpi[:, MPI_15.index("neck"), :2]
    for name, xy in (("from neck and head top", back), ("the neck itself", neck)):
        near = (np.linalg.norm(xy - ends[:, 1], axis=-1) <= 0.5 * head).mean()
        print(f"upper neck of {len(people)} MPII people {name}: {near:.3f} within half a head")


if __name__ == "__main__":
    main()
