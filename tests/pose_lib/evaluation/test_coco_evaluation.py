"""Average precision and recall against COCO's own program, on random crowds."""

import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pose_lib.datasets.annotation_files import read_keypoint_truth
from pose_lib.evaluation.average_precision import MOST_PEOPLE
from pose_lib.evaluation.keypoint_metrics import COCO_SIGMAS, joint_sigmas
from pose_lib.evaluation.keypoint_report import score_keypoints
from pose_lib.keypoints import Keypoints
from pose_lib.skeleton import COCO_17

N_IMAGES = 12
FIGURES = {"oks_ap": 0, "oks_ap50": 1, "oks_ap75": 2, "oks_ar": 5}  # of COCO's summary
WIDER = {**COCO_SIGMAS, "wrist": 0.2, "left_hip": 0.3}


@pytest.fixture(scope="module", params=range(6))
def case(request, tmp_path_factory):
    """A truth file and found people: crowds, ties, ignored people, more people than count."""
    rng = np.random.default_rng(request.param)
    truth = tmp_path_factory.mktemp("coco") / "truth.json"
    content = {
        "images": [{"id": 3 * row, "file_name": f"{row:02}.jpg"} for row in range(N_IMAGES)],
        "annotations": [
            entry(rng, 3 * row) for row in range(N_IMAGES) for _ in range(rng.integers(0, 9))
        ],
        "categories": [{"id": 1, "name": "person"}],
    }
    for number, annotation in enumerate(content["annotations"], start=1):
        annotation["id"] = number
    content["annotations"] += [
        {**annotation, "id": 1000 + annotation["id"]} for annotation in content["annotations"][::5]
    ]  # people annotated twice are equally similar
    truth.write_text(json.dumps(content))
    return truth, found_people(rng, content["annotations"])


def entry(rng, image_id):
    """One annotated person, in a quarter of the cases without joints, or a crowd."""
    left, top, width, height = rng.integers([0, 0, 40, 60], [400, 300, 120, 200]).tolist()
    xy = rng.integers([left, top], [left + width, top + height], (17, 2))
    visible = rng.choice([0, 1, 2], (17, 1)) if rng.random() < 0.8 else np.zeros((17, 1), int)
    keypoints = np.where(visible > 0, np.concatenate([xy, visible], axis=1), 0)
    return {
        "image_id": image_id,
        "category_id": 1,
        "keypoints": keypoints.ravel().tolist(),
        "num_keypoints": int((visible > 0).sum()),
        "bbox": [left, top, width, height],
        "area": width * height // 2,
        "iscrowd": int(rng.random() < 0.1),
    }


def found_people(rng, annotations):
    """Return people near the annotated ones and elsewhere, some of them twice, with tied scores."""
    people, images = [], []
    for annotation in annotations:
        xy = np.array(annotation["keypoints"], float).reshape(17, 3)[:, :2]
        if not xy.any():
            xy = np.array(annotation["bbox"][:2]) + rng.uniform(0, 100, (17, 2))
        for _ in range(rng.integers(0, 6)):
            people.append(xy + rng.normal(0, rng.choice([0, 1, 4, 15]), (17, 2)) + 1)
            images.append(annotation["image_id"] // 3)
    for row in (0, 5):  # more than count
        people += list(rng.uniform(1, 500, (MOST_PEOPLE, 17, 2)))
        images += [row] * MOST_PEOPLE
    order = np.argsort(images, kind="stable")
    xyc = np.concatenate([np.array(people), np.ones((len(people), 17, 1))], axis=-1)
    return Keypoints(
        skeleton=COCO_17,
        filename=tuple(f"{row:02}.jpg" for row in range(N_IMAGES)),
        size=np.full((N_IMAGES, 2), 500),
        status=np.ones(N_IMAGES, int),
        reason=("",) * N_IMAGES,
        keypoints=xyc[order].astype(np.float32),
        image=np.array(images)[order],
        score=rng.choice([0.25, 0.5, 0.75, 1.0], len(people)).astype(np.float32),
    )


def coco_figures(truth, keypoints, sigmas):
    """Return what COCO's own program says."""
    results = [
        {
            "image_id": 3 * int(row),
            "category_id": 1,
            "keypoints": xyc.ravel().tolist(),
            "score": float(score),
        }
        for row, xyc, score in zip(
            keypoints.image, keypoints.keypoints, keypoints.score, strict=True
        )
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        annotated = COCO(str(truth))
        evaluation = COCOeval(annotated, annotated.loadRes(results), "keypoints")
        evaluation.params.kpt_oks_sigmas = joint_sigmas(COCO_17.joints, sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: evaluation.stats[place] for name, place in FIGURES.items()}


@pytest.mark.parametrize("sigmas", [COCO_SIGMAS, WIDER], ids=["coco", "other"])
def test_average_precision_and_recall_are_those_of_cocos_own_program(case, sigmas):
    truth, keypoints = case
    figures = score_keypoints(keypoints, read_keypoint_truth(truth), sigmas=sigmas).figures()
    expected = coco_figures(truth, keypoints, sigmas)
    assert 0.05 < expected["oks_ap"] < 0.95
    assert {name: figures[name] for name in FIGURES} == pytest.approx(expected, abs=1e-6)


def test_without_anybody_found_precision_and_recall_are_zero(case):
    truth, keypoints = case
    nobody = Keypoints(
        COCO_17,
        keypoints.filename,
        keypoints.size,
        keypoints.status,
        keypoints.reason,
        keypoints.keypoints[:0],
        keypoints.image[:0],
        keypoints.score[:0],
    )
    figures = score_keypoints(nobody, read_keypoint_truth(truth)).figures()
    assert {figures[name] for name in FIGURES} == {0.0}
