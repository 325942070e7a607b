"""Settings of OpenPose: which network, on what, at which sizes."""

from dataclasses import dataclass, field

from pose_lib.openpose.decode import DecodeConfig

ENGINES = ("auto", "openvino", "torch")
PRECISIONS = ("float32", "half")

SIDE = 16
"""The network's input sides are multiples of this many pixels."""

MIN_SIDE = 64
"""Shorter sides of the network's input are filled up with grey.

A blank strip one or two cells wide looks like a crowd to the network, as it sees little but the
zeros it pads with: 9 people in a white one. From 48 pixels on it sees nobody in them.
"""


@dataclass(frozen=True)
class OpenPoseConfig:
    """How images are prepared, computed and decoded.

    Attributes:
        model: Name of the network; `poselift weights list` shows all. Only mobilenet_thin comes
            with the package.
        engine: What computes the network: openvino, torch, or auto, which is torch where there
            is a GPU and OpenVINO elsewhere. Results agree to 0.00001.
        precision: float32, or half: more than twice as fast on a GPU or a processor that
            computes with bfloat16, at a third of a pixel in the median joint.
        input_height: Pixels to which an image's height is scaled. On the annotated COCO people
            320 and 432 cost OKS 0.024 and 0.005 against it.
        scale_number: Sizes at which each image is looked at; their maps are averaged. 2 with a gap
            of 0.5 finds large people better and small ones worse, for 1.3 times the time.
        scale_gap: How much smaller each further size is, as a share of the first.
        mirror: Look at the mirrored image too and average, for twice the time.
        max_input_pixels: Largest network input. An image that is wider than this allows at
            ``input_height`` is scaled down further, so that memory stays bounded (about 0.3 kB
            for each pixel).
        decode: Thresholds of the decoding.
    """

    model: str = "mobilenet_thin"
    engine: str = "auto"
    precision: str = "float32"
    input_height: int = 368
    scale_number: int = 1
    scale_gap: float = 0.25
    mirror: bool = False
    max_input_pixels: int = 1_000_000
    decode: DecodeConfig = field(default_factory=DecodeConfig)

    def __post_init__(self) -> None:
        for name, known in (("engine", ENGINES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                msg = f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}"
                raise ValueError(msg)
        if self.input_height < SIDE or self.input_height % SIDE:
            raise ValueError(
                f"input_height must be a positive multiple of {SIDE}, got {self.input_height}"
            )
        if self.scale_number < 1 or not 0 < self.scale_gap < 1:
            raise ValueError(
                "scale_number must be at least 1 and scale_gap between 0 and 1, "
                f"got {self.scale_number} and {self.scale_gap}"
            )
        if self.scales[-1] * self.input_height < SIDE:
            raise ValueError(
                f"scale_number {self.scale_number} with scale_gap {self.scale_gap} scales images "
                "down to nothing; lower one of them"
            )
        least_pixels = max(self.input_height, MIN_SIDE) ** 2
        if self.max_input_pixels < least_pixels:
            raise ValueError(
                f"max_input_pixels must allow a square of input_height, at least {least_pixels}, "
                f"got {self.max_input_pixels}"
            )

    @property
    def scales(self) -> tuple[float, ...]:
        """The sizes as shares of ``input_height``, the largest first."""
        return tuple(1 - number * self.scale_gap for number in range(self.scale_number))
