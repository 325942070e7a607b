"""What each setting of the detection brings and costs, on annotated pictures.

    python -m research.accuracy DATA [--only NAME ...] [--markdown FILE]

DATA is the development data: `mpii/images` and `mpii/crops256` with `ground_truth.json`,
`images/mmpose/coco` with `test_coco.json`, and `renders` with `coco_keypoints.json`.

On every picture all settings take turns, and a view of it that several of them need is computed and
timed once. With one thread. A setting's gain is the mean over everybody of the difference in OKS to
the default, with the interval that 95 % of bootstrap samples of the pictures fall into: where it
holds 0, the gain may be chance.

Nobody is annotated in the film of a crowd, `images/openpose_examples_media/video.avi`. There the
limbs are counted that are far too long for their person: those drawn from one person to another.
"""

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pose_lib.annotations import Annotations
from pose_lib.convert import convert_keypoints
from pose_lib.datasets.annotation_files import read_keypoint_truth
from pose_lib.errors import InputError
from pose_lib.evaluation.keypoint_metrics import pckh
from pose_lib.evaluation.keypoint_report import KeypointReport, score_keypoints
from pose_lib.extract.detector import PersonDetector
from pose_lib.extract.image_result import ImageResult, join_results, people_result
from pose_lib.images.find import find_images
from pose_lib.images.source import ImageSource
from pose_lib.keypoints import Keypoints
from pose_lib.movenet import load_movenet
from pose_lib.openpose.config import OpenPoseConfig
from pose_lib.openpose.decode import DecodeConfig
from pose_lib.openpose.engine import Engine, Maps, Prepared
from pose_lib.openpose.load import load_openpose
from pose_lib.skeleton import MPII_16

TRUTH = {
    "mpii/images": "ground_truth.json",
    "mpii/crops256": "ground_truth.json",
    "images/mmpose/coco": "test_coco.json",
    "renders": "coco_keypoints.json",
}
MPII, COCO, RENDERS = ("mpii/images", "mpii/crops256"), ("images/mmpose/coco",), ("renders",)

AREA_OF_JOINTS_BOX = 0.65
"""MPII has no silhouettes. Those of COCO's people are 0.58 of the box around their joints, those of
the rendered people 0.77 (medians)."""

CROWD = "images/openpose_examples_media/video.avi"
EVERY_FRAME = 8
FAR_TOO_LONG = 6
"""Times the median length of a person's limbs."""

DEFAULT = "default"


def openpose(*, decode: dict[str, Any] | None = None, **settings: Any) -> OpenPoseConfig:
    return OpenPoseConfig(engine="openvino", decode=DecodeConfig(**decode or {}), **settings)


SETTINGS: dict[str, OpenPoseConfig] = {
    DEFAULT: openpose(),
    "precision half": openpose(precision="half"),
    **{f"height {height}": openpose(input_height=height) for height in (256, 320, 432, 496, 592)},
    "scales 2, gap 0.15": openpose(scale_number=2, scale_gap=0.15),
    "scales 2, gap 0.25": openpose(scale_number=2),
    "scales 2, gap 0.5": openpose(scale_number=2, scale_gap=0.5),
    "scales 3, gap 0.15": openpose(scale_number=3, scale_gap=0.15),
    "scales 3, gap 0.25": openpose(scale_number=3),
    "scales 4, gap 0.25": openpose(scale_number=4),
    "height 432, scales 2, gap 0.25": openpose(input_height=432, scale_number=2),
    "height 496, scales 2, gap 0.25": openpose(input_height=496, scale_number=2),
    "height 496, scales 2, gap 0.5": openpose(input_height=496, scale_number=2, scale_gap=0.5),
    "height 496, scales 3, gap 0.25": openpose(input_height=496, scale_number=3),
    "height 592, scales 3, gap 0.25": openpose(input_height=592, scale_number=3),
    "height 736, scales 4, gap 0.25": openpose(input_height=736, scale_number=4),
    "mirror": openpose(mirror=True),
    "mirror, height 320": openpose(mirror=True, input_height=320),
    "mirror, height 432": openpose(mirror=True, input_height=432),
    "mirror, scales 2, gap 0.25": openpose(mirror=True, scale_number=2),
    "mirror, scales 2, gap 0.5": openpose(mirror=True, scale_number=2, scale_gap=0.5),
    "mirror, height 496, scales 3, gap 0.25": openpose(
        mirror=True, input_height=496, scale_number=3
    ),
    **{
        f"joint threshold {at:g}": openpose(decode={"joint_threshold": at})
        for at in (0.02, 0.03, 0.08, 0.1, 0.15)
    },
    **{
        f"PAF threshold {at:g}": openpose(decode={"paf_threshold": at})
        for at in (0.01, 0.03, 0.1, 0.15)
    },
    **{
        f"agreement {share:g}": openpose(decode={"min_agreement": share})
        for share in (0.6, 0.7, 0.9, 1)
    },
    **{f"PAF samples {n}": openpose(decode={"paf_samples": n}) for n in (5, 20)},
    **{f"joints {least}": openpose(decode={"min_joints": least}) for least in (2, 3, 5, 6)},
    **{
        f"person score {least:g}": openpose(decode={"min_score": least})
        for least in (0, 0.03, 0.08, 0.1, 0.15)
    },
}
MOVENET = "MoveNet"


class RememberingEngine:
    """Computes the same input once, and charges its time to everybody who asks for it.

    Attributes:
        spent: Seconds really spent so far.
        charged: Seconds that asking would have taken without remembering.
    """

    def __init__(self, engine: Engine):
        self.engine = engine
        self.known: dict[bytes, tuple[Maps, float]] = {}
        self.spent = self.charged = 0.0

    def __call__(self, prepared: Prepared) -> Maps:
        begin = time.perf_counter()
        key = repr(prepared.shape).encode() + prepared.tobytes()
        if key not in self.known:
            started = time.perf_counter()
            heatmaps, pafs = self.engine(prepared)
            seconds = time.perf_counter() - started
            self.known[key] = (heatmaps.copy(), pafs.copy()), seconds
        maps, seconds = self.known[key]
        self.charged += seconds
        self.spent += time.perf_counter() - begin
        return maps

    def forget(self) -> None:
        self.known.clear()


@dataclass(frozen=True)
class Contender:
    """One setting's detector, and what it found in the pictures so far."""

    detector: PersonDetector
    engine: RememberingEngine | None
    results: dict[str, list[ImageResult]] = field(default_factory=dict)

    def detect(self, place: str, picture: np.ndarray) -> None:
        begin = time.perf_counter()
        charged, spent = (self.engine.charged, self.engine.spent) if self.engine else (0, 0)
        people = self.detector.detect(picture)
        seconds = time.perf_counter() - begin
        if self.engine:
            seconds += (self.engine.charged - charged) - (self.engine.spent - spent)
        size = (picture.shape[1], picture.shape[0])
        self.results.setdefault(place, []).append(people_result(people, size, seconds))

    def found(self, place: str, names: Sequence[str]) -> Keypoints:
        return join_results(names, self.results[place], self.detector.skeleton)

    @property
    def seconds(self) -> np.ndarray:
        return np.array([result.seconds for place in TRUTH for result in self.results[place]])

    @property
    def stretched_limbs(self) -> int:
        """How many limbs in the crowd are far too long for their person."""
        bones = self.detector.skeleton.bone_indices
        people = np.concatenate([result.people.keypoints for result in self.results[CROWD]])
        length = np.linalg.norm(people[:, bones[:, 0], :2] - people[:, bones[:, 1], :2], axis=-1)
        usual = np.array([np.median(of_one[~np.isnan(of_one)]) for of_one in length])
        return int((length > FAR_TOO_LONG * usual[:, None]).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="settings beside the default")
    parser.add_argument("--markdown", type=Path, help="write the table here too")
    parser.add_argument("--weights", type=Path, default=Path(".poselift/weights"))
    arguments = parser.parse_args()
    names = chosen_names(parser, arguments.only)

    cv2.setNumThreads(1)
    contenders = make_contenders(names, arguments.weights)
    truth = {
        place: read_keypoint_truth(arguments.data / place / file) for place, file in TRUTH.items()
    }
    listed = {
        place: detect_in_turns(find_images(arguments.data / place), place, contenders.values())
        for place in TRUTH
    }
    film = find_images(arguments.data / CROWD)
    detect_in_turns(film.only(film.names[::EVERY_FRAME]), CROWD, contenders.values())
    scores = {name: score(each.found, listed, truth) for name, each in contenders.items()}
    default = contenders[DEFAULT]
    table = markdown_table(
        (
            name,
            *accuracy_cells(scores[name], scores[DEFAULT]),
            str(each.stretched_limbs),
            f"{np.median(each.seconds / default.seconds):.2f}",
        )
        for name, each in contenders.items()
    )
    print(table)
    if arguments.markdown:
        arguments.markdown.write_text(table + "\n")


def chosen_names(parser: argparse.ArgumentParser, only: Sequence[str] | None) -> list[str]:
    known = [*SETTINGS, MOVENET]
    if unknown := sorted(set(only or ()) - set(known)):
        parser.error(f"no setting {unknown[0]!r}; known are: {'; '.join(known)}")
    return [name for name in known if only is None or name in only or name == DEFAULT]


def make_contenders(names: Sequence[str], weights: Path) -> dict[str, Contender]:
    """Load each network once; settings of one network share what it remembers."""
    loaded = {}
    contenders = {}
    for name in names:
        if name == MOVENET:
            try:
                contenders[name] = Contender(load_movenet(weights, threads=1), None)
            except InputError as error:
                print(f"without MoveNet: {error}")
            continue
        config = SETTINGS[name]
        if config.precision not in loaded:
            detector = load_openpose(config, threads=1)
            loaded[config.precision] = detector, RememberingEngine(detector.engine)
        detector, engine = loaded[config.precision]
        contenders[name] = Contender(replace(detector, config=config, engine=engine), engine)
    return contenders


def detect_in_turns(
    source: ImageSource, place: str, contenders: Iterable[Contender]
) -> tuple[str, ...]:
    """Let everybody find the people in every picture of a place; return the pictures' names."""
    contenders = list(contenders)
    for name in source.names:
        picture = source.read(name)
        for contender in contenders:
            contender.detect(place, picture)
        for contender in contenders:
            if contender.engine:
                contender.engine.forget()
    return source.names


@dataclass(frozen=True)
class Score:
    """How near one setting comes to the truth.

    Attributes:
        mpii: Distances in heads of all MPII people, on the joints both skeletons have by name.
        with_stand_ins: The same on all 16 joints of MPII, four of them made from others.
        reports: By place.
        oks: By place and picture, the OKS of each person there.
    """

    mpii: np.ndarray
    with_stand_ins: np.ndarray
    reports: dict[str, KeypointReport]
    oks: list[np.ndarray]


def score(
    found: Callable[[str, Sequence[str]], Keypoints],
    listed: dict[str, tuple[str, ...]],
    truth: dict[str, Annotations],
) -> Score:
    keypoints = {place: found(place, names) for place, names in listed.items()}
    reports = {place: score_keypoints(keypoints[place], truth[place]) for place in TRUTH}
    stand_ins = [
        score_keypoints(with_mpii_joints(keypoints[place]), truth[place]) for place in MPII
    ]
    by_area = [score_keypoints(keypoints[place], with_areas(truth[place])) for place in TRUTH]
    return Score(
        mpii=np.concatenate([reports[place].distance for place in MPII]),
        with_stand_ins=np.concatenate([report.distance for report in stand_ins]),
        reports=reports,
        oks=[verdict.person_oks for report in by_area for verdict in report.matches],
    )


def with_mpii_joints(found: Keypoints) -> Keypoints:
    converted = convert_keypoints(found.keypoints, found.skeleton, MPII_16)
    return replace(found, skeleton=MPII_16, keypoints=converted)


def with_areas(truth: Annotations) -> Annotations:
    """Give people without a known area that of a share of the box around their joints."""
    xy = truth.keypoints[..., :2]
    low = np.min(xy, axis=1, initial=np.inf, where=~np.isnan(xy))
    high = np.max(xy, axis=1, initial=-np.inf, where=~np.isnan(xy))
    around = np.where(np.isfinite(low).all(axis=1), np.prod(high - low, axis=1), np.nan)
    known = np.isfinite(truth.area)
    return replace(truth, area=np.where(known, truth.area, AREA_OF_JOINTS_BOX * around))


COLUMNS = (
    "setting",
    "PCKh MPII, 12 joints",
    "PCKh MPII, 16 joints",
    "OKS COCO",
    "AP COCO",
    "OKS rendered",
    "AP rendered",
    "found of 74",
    "false",
    "OKS all",
    "gain, 95 % of bootstraps",
    "stretched limbs",
    "time",
)


def accuracy_cells(score: Score, default: Score) -> tuple[str, ...]:
    coco, renders = score.reports[COCO[0]], score.reports[RENDERS[0]]
    everybody = float(np.concatenate(score.oks).mean())
    gain, low, high = bootstrapped_gain(score.oks, default.oks)
    return (
        f"{pckh(score.mpii):.3f}",
        f"{pckh(score.with_stand_ins):.3f}",
        *(f"{value:.3f}" for value in (coco.mean_oks, coco.oks_ap)),
        *(f"{value:.3f}" for value in (renders.mean_oks, renders.oks_ap)),
        f"{renders.found}",
        f"{renders.false_positives}",
        f"{everybody:.3f}",
        "" if score is default else f"{gain:+.3f} ({low:+.3f} to {high:+.3f})",
    )


def bootstrapped_gain(
    oks: list[np.ndarray], default: list[np.ndarray], *, samples: int = 4000
) -> tuple[float, float, float]:
    """Return the mean gain of everybody, and between what 95 % of bootstrap samples lie.

    People of one picture are drawn together, as they share its light and its scale.
    """
    gain = np.array([(a - b).sum() for a, b in zip(oks, default, strict=True)])
    people = np.array([len(of_image) for of_image in oks])
    drawn = np.random.default_rng(0).integers(len(oks), size=(samples, len(oks)))
    means = gain[drawn].sum(axis=1) / people[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(gain.sum() / people.sum()), float(low), float(high)


def markdown_table(rows: Iterable[tuple[str, ...]]) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
