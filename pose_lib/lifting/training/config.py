"""Settings of the GAN and of the distillation: plain values that a TOML file can name."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import ClassVar


@dataclass(frozen=True)
class CameraConfig:
    """How photographs are taken: where a random camera stands and how it is held.

    The standard deviation of the pitch is large on purpose: it costs nothing where cameras look
    level, and a lifter that has seen level cameras alone errs up to a third more elsewhere.

    The trunk length of the distances is pelvis to head top, about 0.8 m.

    Attributes:
        pitch_mean: Degrees that a camera looks down on average.
        pitch_std: Standard deviation in degrees.
        min_pitch: Cameras look up no steeper than this (negative is up).
        max_pitch: Cameras look down no steeper than this.
        roll_std: Standard deviation of the tilt in degrees.
        nearest: Smallest distance in trunk lengths.
        farthest: Largest distance in trunk lengths.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {
        "pitch_spread": "pitch_std",
        "pitch_lowest": "min_pitch",
        "pitch_highest": "max_pitch",
        "roll_spread": "roll_std",
    }

    pitch_mean: float = 7.0
    pitch_std: float = 13.0
    min_pitch: float = -30.0
    max_pitch: float = 55.0
    roll_std: float = 2.0
    nearest: float = 3.0
    farthest: float = 8.5

    def __post_init__(self) -> None:
        if not 1.5 <= self.nearest <= self.farthest:
            raise ValueError("the camera needs 1.5 <= nearest <= farthest, in trunk lengths")
        if not self.min_pitch <= self.pitch_mean <= self.max_pitch:
            raise ValueError("the camera needs min_pitch <= pitch_mean <= max_pitch")


@dataclass(frozen=True)
class GanConfig:
    """The GAN: generators that learn depth against discriminators of random new views.

    Attributes:
        n_generators: Independent generators; the corpus of the student pools what they lift.
        steps: Steps of each generator.
        batch: People per step.
        width: Hidden width of the generator and of the whole-body discriminator.
        learning_rate: Peak of both networks' rate.
        flexion_weight: Weight of the loss on knees and elbows that bend the wrong way.
        cycle_weights: Weights of the cycle loss between the depth lifted from a new view and the
            depth of the pose it shows; the generators take them in turn, since generators that
            differ make a better corpus.
        cycle_warmup_steps: Steps over which the cycle weight rises from zero.
        r1_weight: Weight of the discriminators' R1 gradient penalty. Instance noise stabilizes them
            enough without one, which lifts half a millimeter better.
        r1_every: Steps between two gradient penalties.
        part_weights: Weights of the discriminators of the whole body, the legs and the upper body.
        balance_azimuth: Whether people are sampled so that all azimuths are equally frequent, as in
            random new views; most photographs show people from the front.
        instance_noise_std: Standard deviation of the Gaussian noise added to the discriminators'
            inputs, in bone lengths.
        ema_decay: Decay of the exponential moving average of the generator weights.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {
        "relift_weights": "cycle_weights",
        "relift_ramp": "cycle_warmup_steps",
        "even_facing": "balance_azimuth",
        "noise": "instance_noise_std",
        "memory": "ema_decay",
    }

    n_generators: int = 6
    steps: int = 800
    batch: int = 256
    width: int = 256
    learning_rate: float = 5e-4
    flexion_weight: float = 0.5
    cycle_weights: tuple[float, ...] = (0.3, 0.0)
    cycle_warmup_steps: int = 500
    r1_weight: float = 0.0
    r1_every: int = 8
    part_weights: tuple[float, ...] = (1.0, 0.5, 0.5)
    balance_azimuth: bool = True
    instance_noise_std: float = 0.03
    ema_decay: float = 0.998

    def __post_init__(self) -> None:
        _require_positive(
            self, "n_generators", "steps", "batch", "width", "cycle_warmup_steps", "r1_every"
        )
        _require_positive(self, "learning_rate")
        if not self.cycle_weights:
            raise ValueError("cycle_weights needs at least one weight")
        if len(self.part_weights) != 3 or min(self.part_weights) < 0 or not any(self.part_weights):
            raise ValueError(
                "part_weights needs three weights, none negative and not all zero: of the whole "
                f"body, the legs and the upper body, not {self.part_weights}"
            )


@dataclass(frozen=True)
class NoiseConfig:
    """How the student's 2D is detected: as annotators, the bundled OpenPose and others do.

    Sizes are shares of the longer side of a person's box. OpenPose's other errors are measured, see
    ``pose_lib.lifting.training.openpose_noise``.

    Attributes:
        annotated_probability: Share of people seen nearly where they are, every joint sure.
        openpose_probability: Share of people seen as the bundled OpenPose network sees them; the
            rest has any amount of jitter.
        annotation_noise: Largest joint noise of annotated people.
        body_swap_probability: Share of OpenPose's people whose left and right are swapped
            throughout.
        limb_swap_probability: Share of them whose arms are swapped, and as many whose legs are.
        min_jitter: Smallest joint noise of the rest.
        max_jitter: Largest joint noise of the rest.
        outlier_probability: Share of the rest's joints that are far off.
        incomplete_probability: Share of all people who lack joints besides those that OpenPose
            missed: by chance, ends of limbs, or all below the picture.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {
        "annotated_share": "annotated_probability",
        "openpose_share": "openpose_probability",
        "body_swap_share": "body_swap_probability",
        "limb_swap_share": "limb_swap_probability",
        "jitter_lowest": "min_jitter",
        "jitter_highest": "max_jitter",
        "outlier_share": "outlier_probability",
        "incomplete_share": "incomplete_probability",
    }

    annotated_probability: float = 0.3
    openpose_probability: float = 0.35
    annotation_noise: float = 0.003
    body_swap_probability: float = 0.01
    limb_swap_probability: float = 0.01
    min_jitter: float = 0.003
    max_jitter: float = 0.028
    outlier_probability: float = 0.025
    incomplete_probability: float = 0.55

    def __post_init__(self) -> None:
        _require_shares(self, *(option.name for option in fields(self)))
        if self.annotated_probability + self.openpose_probability > 1:
            raise ValueError(
                "annotated_probability and openpose_probability must not exceed 1 together"
            )
        if self.min_jitter > self.max_jitter:
            raise ValueError("min_jitter must not exceed max_jitter")


@dataclass(frozen=True)
class DistillConfig:
    """Distillation: the student, which is the final lifter, trained on new views of lifted people.

    Attributes:
        steps: Training steps.
        batch: Synthetic people per step.
        width: Hidden width, even: half of it sees the mirror image.
        learning_rate: Peak rate of the first and last layer and of all biases (Adam).
        muon_learning_rate: Peak rate of the hidden matrices (Muon).
        pa_loss_weight: Weight of the Procrustes-aligned MPJPE in the loss, beside the MPJPE with
            weight one: which way a pose leans is less certain than its shape.
        group_log_std: Standard deviation of the log length of spine, legs, arms, hips and
            shoulders.
        bone_log_std: The same of each kind of bone, in addition.
        person_log_std: The same between people of one joint convention; the student is never
            conditioned on it.
        nose_forward: Largest distance of the nose in front of the neck-to-nose bone, in trunk
            lengths; MPII has no nose and its stand-in lies on the head's axis.
        leg_swap_probability: Probability that a person gets the legs of another, turned to the same
            azimuth.
        arm_swap_probability: The same of each arm.
        conditioning_probability: Probability that the student is conditioned on the bone-length
            ratios of a person's joint convention.
        noise: How the people are detected.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {
        "hidden_learning_rate": "muon_learning_rate",
        "shape_weight": "pa_loss_weight",
        "group_spread": "group_log_std",
        "bone_spread": "bone_log_std",
        "person_spread": "person_log_std",
        "other_legs_share": "leg_swap_probability",
        "other_arm_share": "arm_swap_probability",
        "told_share": "conditioning_probability",
    }

    steps: int = 9000
    batch: int = 2048
    width: int = 512
    learning_rate: float = 1e-3
    muon_learning_rate: float = 0.02
    pa_loss_weight: float = 1.0
    group_log_std: float = 0.08
    bone_log_std: float = 0.04
    person_log_std: float = 0.03
    nose_forward: float = 0.15
    leg_swap_probability: float = 0.5
    arm_swap_probability: float = 0.2
    conditioning_probability: float = 0.6
    noise: NoiseConfig = field(default_factory=NoiseConfig)

    def __post_init__(self) -> None:
        _require_positive(self, "steps", "batch", "width", "learning_rate", "muon_learning_rate")
        if self.width % 2:  # checked here, not once the GAN is trained
            raise ValueError(f"width must be even, half is for the mirror image, not {self.width}")
        _require_shares(
            self, "leg_swap_probability", "arm_swap_probability", "conditioning_probability"
        )


@dataclass(frozen=True)
class DiagnosticsConfig:
    """When a GAN counts as diverged. This may stop a training and never changes its result.

    A limit that several checks in a row find broken stops the training. Source of the limits:
    converging and provoked diverging trainings, see docs/lifting-training.md.

    Attributes:
        stop: Whether a diverged training is stopped; its diagnostics are reported either way.
        every: Steps between two checks.
        people: How many of the training's people are checked.
        begin: Steps of each generator before its limits apply: at first all people are flat.
        patience: Checks in a row that must find the same limit broken.
        min_depth_spread: How far depths must vary between people, relative to how far they may; a
            converging GAN has 0.5 to 0.65, flat people 0.
        max_saturated: Share of bones that may reach as far into depth as they can; a converging
            GAN has up to 0.15.
        max_mirrored: Share of people who may come out mirrored front to back by the bend of
            their knees and elbows; a converging GAN has up to 0.05.
        max_accuracy: Share that the discriminator may judge right; a converging GAN has 0.55 to
            0.7.
        max_facing_distance: How far the facing cosines of new views may be from those of real
            people; a converging GAN has up to 0.1, flat people 0.2.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {
        "spread_lowest": "min_depth_spread",
        "saturated_highest": "max_saturated",
        "mirror_highest": "max_mirrored",
        "accuracy_highest": "max_accuracy",
        "facing_highest": "max_facing_distance",
    }

    stop: bool = True
    every: int = 50
    people: int = 1000
    begin: int = 250
    patience: int = 3
    min_depth_spread: float = 0.25
    max_saturated: float = 0.5
    max_mirrored: float = 0.3
    max_accuracy: float = 0.85
    max_facing_distance: float = 0.16

    def __post_init__(self) -> None:
        _require_positive(self, "every", "people", "patience")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run, apart from the poses.

    Attributes:
        seed: Start of every random draw; the same seed gives the same lifter on a CPU.
        use_gpu: Whether the student learns on a GPU where torch finds one; this decides how long a
            training takes, not which one it is.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {
        "refine": "distill",
        "health": "diagnostics",
    }

    seed: int = 0
    use_gpu: bool = True
    camera: CameraConfig = field(default_factory=CameraConfig)
    gan: GanConfig = field(default_factory=GanConfig)
    distill: DistillConfig = field(default_factory=DistillConfig)
    diagnostics: DiagnosticsConfig = field(default_factory=DiagnosticsConfig)

    @property
    def total_steps(self) -> int:
        """Steps of all stages together."""
        return self.gan.n_generators * self.gan.steps + self.distill.steps


def _require_shares(config: object, *names: str) -> None:
    for name in names:
        if not 0 <= getattr(config, name) <= 1:
            raise ValueError(f"{name} must lie in 0 to 1, not {getattr(config, name)}")


def _require_positive(config: object, *names: str) -> None:
    for name in names:
        if not getattr(config, name) > 0:
            raise ValueError(f"{name} must be greater than 0, not {getattr(config, name)}")


DEMO = TrainConfig(
    gan=GanConfig(n_generators=1, steps=500, batch=128, width=128, cycle_warmup_steps=350),
    distill=DistillConfig(steps=600, batch=256, width=256),
)
"""Settings for a demonstration: plausible poses from 2,000 people in less than a minute."""
