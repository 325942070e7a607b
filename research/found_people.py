"""Annotated people and what the bundled OpenPose network finds of them, on the same fifteen joints.

Every picture is looked at twice, the second time mirrored, which the network answers differently.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from pose_lib.annotations import Annotations
from pose_lib.convert import convert_keypoints
from pose_lib.datasets.annotation_files import read_keypoint_truth
from pose_lib.evaluation.keypoint_metrics import COCO_SIGMAS, joint_sigmas, match_people, oks
from pose_lib.extract.detector import PersonDetector
from pose_lib.images.find import find_images
from pose_lib.skeleton import BODY_15, COCO_17, Skeleton

ANNOTATED = {
    "mpii/images": "ground_truth.json",
    "mpii/crops256": "ground_truth.json",
    "images/mmpose/coco": "test_coco.json",
}
FEWEST_ANNOTATED = 12  # of the fifteen joints; fewer do not tell how large a person is
LEAST_SIMILAR = 0.1  # OKS; below it somebody else was found
KEYPOINT_SIGMAS = COCO_SIGMAS | {"neck": 0.079, "pelvis": 0.107}


@dataclass(frozen=True)
class Pairs:
    """People who are annotated and found; each stands here for every look that found them.

    Attributes:
        person: The same for all looks at a person.
        rendered: Who is a rendered person; the others are photographed.
        truth: Exact pixels, NaN where not annotated.
        hidden: Which joints cannot be seen, or lie outside the picture.
        found: x, y in pixels and confidence.
        box: Longer side of what is annotated, pixels.
    """

    person: np.ndarray
    rendered: Bool[np.ndarray, "person"]
    truth: Float[np.ndarray, "person 15 2"]
    hidden: Bool[np.ndarray, "person 15"]
    found: Float[np.ndarray, "person 15 3"]
    box: Float[np.ndarray, "person"]


def find_all(detector: PersonDetector, data: Path) -> Pairs:
    """Look for the annotated people of every folder."""
    parts = [
        found_people(detector, data / place, read_keypoint_truth(data / place / file))
        for place, file in ANNOTATED.items()
    ]
    rendered = rendered_people(data / "renders/truth.npz")
    parts.append(found_people(detector, data / "renders/images", rendered, rendered=True))
    return joined(parts)


def rendered_people(path: Path) -> Annotations:
    """Return the exact 2D joints of the rendered people, those outside the picture too."""
    with np.load(path, allow_pickle=False) as truth:
        names, image = truth["files"].tolist(), truth["image_index"]
        joints = truth["kp_names"].tolist()
        columns = [joints.index(joint) for joint in COCO_17.joints]
        xy, seen = truth["kp2d"][:, columns], truth["vis"][:, columns] == 2
    order = np.argsort(image, kind="stable")
    unknown = np.full(len(image), np.nan)
    return Annotations(
        skeleton=COCO_17,
        filename=tuple(names),
        image=image[order],
        keypoints=np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)[order],
        visible=seen[order],
        center=np.stack([unknown, unknown], axis=-1),
        scale=unknown,
        head_size=unknown,
        area=unknown,
    )


def found_people(
    detector: PersonDetector, folder: Path, truth: Annotations, *, rendered: bool = False
) -> Pairs:
    """Look at every picture twice, the second time mirrored, and match who is found."""
    source, parts = find_images(folder), []
    for image, name in enumerate(truth.filename):
        picture, people = source.read(name), truth.of_image(image)
        exact, hidden = on_body_15(truth, people)
        for mirrored in (False, True):
            looked_at = np.ascontiguousarray(picture[:, ::-1]) if mirrored else picture
            found = detector.detect(looked_at).keypoints
            if mirrored:
                found = unmirrored(found, detector.skeleton, width=picture.shape[1])
            found = convert_keypoints(found, detector.skeleton, BODY_15)
            names = np.array([f"{folder}/{name} {row}" for row in range(len(exact))], dtype=object)
            parts.append(matched(names, exact, hidden, found, rendered=rendered))
    return joined(parts)


def on_body_15(
    truth: Annotations, people: slice
) -> tuple[Float[np.ndarray, "person 15 3"], Bool[np.ndarray, "person 15"]]:
    """Return the annotated joints, and which cannot be seen; MPII's stand-in is no nose."""
    annotated = truth.keypoints[people]
    exact = convert_keypoints(annotated, truth.skeleton, BODY_15)
    if "nose" not in truth.skeleton.joints:
        exact[:, BODY_15.index("nose")] = np.nan, np.nan, 0
    seen = annotated.copy()
    seen[..., 2] *= truth.visible[people]
    return exact, convert_keypoints(seen, truth.skeleton, BODY_15)[..., 2] == 0


def unmirrored(
    found: Float[np.ndarray, "person joint 3"], skeleton: Skeleton, *, width: int
) -> Float[np.ndarray, "person joint 3"]:
    """Put what was found in a mirrored picture where it is in the picture."""
    found = found[:, skeleton.mirror].copy()
    found[..., 0] = width - 1 - found[..., 0]
    return found


def matched(
    names: np.ndarray,
    exact: Float[np.ndarray, "person 15 3"],
    hidden: Bool[np.ndarray, "person 15"],
    found: Float[np.ndarray, "found 15 3"],
    *,
    rendered: bool,
) -> Pairs:
    """Keep the people who are annotated well enough and found."""
    enough = (exact[..., 2] > 0).sum(axis=1) >= FEWEST_ANNOTATED
    names, exact, hidden = names[enough], exact[enough], hidden[enough]
    xy = exact[..., :2]
    box = (np.nanmax(xy, axis=1) - np.nanmin(xy, axis=1)).max(axis=1)
    sigmas = joint_sigmas(BODY_15.joints, KEYPOINT_SIGMAS)
    similarity = oks(found, exact, 0.3 * box**2, sigmas)
    match = match_people(np.where(similarity < LEAST_SIMILAR, 0, similarity))
    kept = match >= 0
    return Pairs(
        names[kept],
        np.full(kept.sum(), rendered),
        xy[kept],
        hidden[kept],
        found[match[kept]],
        box[kept],
    )


def joined(parts: list[Pairs]) -> Pairs:
    names = [field.name for field in fields(Pairs)]
    return Pairs(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
