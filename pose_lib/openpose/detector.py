"""OpenPose as one object: an image in, people in its pixels out."""

from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from pose_lib.keypoints import People
from pose_lib.openpose.decode import DecodeConfig, decode_people
from pose_lib.openpose.mobilenet_thin import STRIDE, MobilenetThin
from pose_lib.openpose.weights import BUNDLED_SHA256, bundled_weights, load_network
from pose_lib.skeleton import COCO_18, Skeleton

_SIDE = 16  # the network's input sides are multiples of this

_LEAST_SIDE = 64
"""Shorter sides of the network's input are filled up with grey.

A blank strip one or two cells wide looks like a crowd to the network, as it sees little but the
zeros it pads with: 9 people in a white one. From 48 pixels on it sees nobody in them.
"""

_FIRST_CELL = np.array([3.0, 3.5], dtype=np.float32)
"""x, y of the network's input pixel where the first cell has its center.

Half a cell is 3.5 pixels. Along x, mirrored photographs show that the network points 0.53 pixels
too far right (704 joints of 27 photographs), which is taken off here; y cannot be told so.
"""


@dataclass(frozen=True)
class DetectorConfig:
    """How images are prepared and their maps decoded.

    Attributes:
        input_height: Pixels to which an image's height is scaled. On the annotated COCO people
            320 and 432 cost OKS 0.019 and 0.007 against it.
        max_input_pixels: Largest network input. An image that is wider than this allows at
            ``input_height`` is scaled down further, so that memory stays bounded (about 0.3 kB
            for each pixel).
        decode: Thresholds of the decoding.
    """

    input_height: int = 368
    max_input_pixels: int = 1_000_000
    decode: DecodeConfig = field(default_factory=DecodeConfig)

    def __post_init__(self) -> None:
        if self.input_height < _SIDE or self.input_height % _SIDE:
            raise ValueError(
                f"input_height must be a positive multiple of {_SIDE}, got {self.input_height}"
            )
        if self.max_input_pixels < self.input_height**2:
            raise ValueError(
                f"max_input_pixels must allow a square of input_height, at least "
                f"{self.input_height**2}, got {self.max_input_pixels}"
            )


@dataclass(frozen=True)
class Detector:
    """Finds people in images. Make one with ``load_detector``.

    Attributes:
        config: How it prepares and decodes.
        network: Maps from images.
        weights_sha256: Hash of the file with the network's weights.
        skeleton: Names and order of the joints it finds.
    """

    config: DetectorConfig
    network: MobilenetThin
    weights_sha256: str
    skeleton: Skeleton = COCO_18

    def detect(self, image: UInt8[np.ndarray, "height width 3"]) -> People:
        """Return the people in a BGR image, surest first, in its pixels.

        A person's score is the mean confidence of all joints, a missing one counting as 0.
        """
        height, width = image.shape[:2]
        input_width, input_height = input_size(width, height, self.config)
        heatmaps, pafs = self.predict_maps(prepare_image(image, self.config))
        seen = np.s_[:, : input_height // STRIDE, : input_width // STRIDE]  # without the filling
        people = decode_people(heatmaps[seen], pafs[seen], self.config.decode)

        pixels_per_input_pixel = np.array(
            [width / input_width, height / input_height], dtype=np.float32
        )
        keypoints = people.keypoints.copy()
        # A pixel's center is a whole number, and its left edge lies half a pixel before.
        in_input = keypoints[..., :2] * STRIDE + _FIRST_CELL
        keypoints[..., :2] = (in_input + 0.5) * pixels_per_input_pixel - 0.5
        return People(keypoints, people.score)

    def predict_maps(
        self, prepared: UInt8[np.ndarray, "input_height input_width 3"]
    ) -> tuple[Float[np.ndarray, "19 h w"], Float[np.ndarray, "38 h w"]]:
        """Return heatmaps and PAFs of a prepared image."""
        # A view with the axes swapped is what torch calls channels last, its fastest layout here.
        batch = torch.from_numpy(prepared)[None].permute(0, 3, 1, 2).float()
        with torch.inference_mode():
            heatmaps, pafs = self.network(batch)
        return heatmaps[0].numpy(), pafs[0].numpy()


def load_detector(config: DetectorConfig, *, threads: int | None = None) -> Detector:
    """Return a detector with the bundled weights.

    Args:
        threads: CPU threads of the network, for the whole process; None leaves torch's setting.

    Raises:
        InputError: If the weights file is missing or damaged.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    network = load_network(bundled_weights(), sha256=BUNDLED_SHA256)
    # Eager and channels last: 157 ms an image of 656x368 on one core, where a trace frozen and
    # optimized for inference took 280 with this torch.
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Detector(config, network, weights_sha256=BUNDLED_SHA256)


def prepare_image(
    image: UInt8[np.ndarray, "height width 3"], config: DetectorConfig
) -> UInt8[np.ndarray, "input_height input_width 3"]:
    """Scale a BGR image to the network's input, its values as they are.

    The image fills the top left ``input_size``; the rest, if any, is grey.
    """
    height, width = image.shape[:2]
    input_width, input_height = input_size(width, height, config)
    # Averaging areas keeps what plain interpolation would skip; it gains OKS 0.006.
    interpolation = cv2.INTER_AREA if input_height < height else cv2.INTER_LINEAR
    resized = cv2.resize(image, (input_width, input_height), interpolation=interpolation)
    below, right = (max(0, _LEAST_SIDE - side) for side in (input_height, input_width))
    filled = cv2.copyMakeBorder(
        resized, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(128, 128, 128)
    )
    return np.asarray(filled, dtype=np.uint8)


def input_size(width: int, height: int, config: DetectorConfig) -> tuple[int, int]:
    """Return width and height of the network's input for an image.

    Both are multiples of 16 nearest to the image's proportions, which changes them by 2 to 4 % at
    most for common images.
    """
    scale = config.input_height / height
    too_many = width * scale * config.input_height / config.max_input_pixels
    if too_many > 1:
        scale /= too_many**0.5
    across, down = (max(_SIDE, round(side * scale / _SIDE) * _SIDE) for side in (width, height))
    # Rounding up, above all a side that cannot be any shorter, may exceed the bound again.
    widest = config.max_input_pixels // max(down, _LEAST_SIDE) // _SIDE * _SIDE
    return min(across, widest), down
