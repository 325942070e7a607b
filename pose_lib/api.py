"""The functions that ``import pose_lib`` offers: images to people, people to 3D poses, and figures.

They are short, write no files and need nothing running. A pipeline over many images, which can be
interrupted, is what the command ``poselift`` is for.
"""

import functools
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure

from pose_lib.convert import convert_keypoints
from pose_lib.errors import InputError
from pose_lib.extract.detector import PersonDetector, detector_named, extract_images
from pose_lib.extract.image_result import join_results, people_result
from pose_lib.extract_config import ExtractConfig
from pose_lib.files.locations import Location
from pose_lib.formats.openpose_json import read_openpose
from pose_lib.images.decode import UnreadableImage
from pose_lib.images.find import find_images
from pose_lib.images.source import ImageSource
from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.lifting.files.lifter_folder import load_lifter
from pose_lib.lifting.lifter import LiftedPoses, Lifter
from pose_lib.plots.gallery import person_figure
from pose_lib.plots.overlay import draw_people
from pose_lib.processes.host import usable_cores
from pose_lib.skeleton import BODY_15, Skeleton
from pose_lib.store import read_keypoints

if TYPE_CHECKING:
    import xarray

Image = UInt8[np.ndarray, "height width 3"]

ENOUGH_TO_ADAPT = 200
"""People from which on their own bone-length ratios are measured."""


def load_detector(
    name: str = "openpose",
    settings: Any = None,
    *,
    weights: str | Path = ".poselift/weights",
    threads: int | None = None,
) -> PersonDetector:
    """Load what finds people in images.

    Args:
        name: Of an entry point in the group ``poselift.detectors``.
        settings: The detector's own, for OpenPose an ``OpenPoseConfig``; by default its defaults.
        weights: Folder of weights that were added (``poselift weights add``).
        threads: CPU threads of its network; by default as many as there are cores.

    Raises:
        InputError: If no such detector is installed, or its weights are not there.
    """
    if settings is None:
        settings = ExtractConfig(detector=name).detector_settings
    return detector_named(name).load(settings, Path(weights), threads=threads or usable_cores())


def read_image(path: str | Path) -> Image:
    """Read an image file: BGR, upright.

    Raises:
        InputError: If there is none, or it cannot be decoded.
    """
    source = find_images(path)
    return _read(source, source.names[0])


def find_people(
    images: str | Location | Image, detector: PersonDetector | None = None
) -> Keypoints:
    """Find the people in one image or in many.

    Args:
        images: A BGR image, or the path or URL of an image, folder, glob pattern, list or video.
        detector: By default OpenPose with its bundled weights, loaded at the first call.

    Returns:
        ``filename``, ``size`` and ``status`` of every image; ``keypoints`` (person, joint, 3), in
        pixels of the image, of all their people, the surest of an image first. An image of many
        that cannot be read has no people, and a ``reason``.

    Raises:
        InputError: If there is no image, or the only one cannot be read.
    """
    detector = detector or _default_detector()
    if isinstance(images, str | Location):
        source = find_images(images)
        if len(source) > 1:
            reads = (functools.partial(source.read, name) for name in source.names)
            return join_results(source.names, extract_images(reads, detector), detector.skeleton)
        name, image = source.names[0], _read(source, source.names[0])
    else:
        name, image = "image", images
    result = people_result(detector.detect(image), (image.shape[1], image.shape[0]), 0.0)
    return join_results([name], [result], detector.skeleton)


def lift(
    people: Keypoints | Float[np.ndarray, "person joint 3"],
    lifter: Lifter | None = None,
    *,
    skeleton: Skeleton = BODY_15,
) -> LiftedPoses:
    """Lift people to 3D, as ``poselift lift`` does.

    From 200 people on, whose bone-length ratios can then be measured on their 2D, the lifter is
    conditioned on them; with fewer on those that it knows of the skeleton's usual source, if any.

    Args:
        people: Keypoints, or an array of x, y in pixels and confidence; a joint of confidence 0 or
            with a NaN is missing.
        lifter: By default the bundled one.
        skeleton: The joints of an array; ``Keypoints`` know theirs.

    Returns:
        Their poses in the same order: ``poses3d`` (person, 15, 3) on ``BODY_15``, unitless, camera
        frame (x right, y down, z away from the viewer), pelvis at the origin; NaN for people of
        too few joints, with the reason in ``refused``.
    """
    if isinstance(people, Keypoints):
        skeleton, people = people.skeleton, people.keypoints
    poses = convert_keypoints(people, skeleton, BODY_15)
    lifter = lifter or _default_lifter()
    if len(poses) >= ENOUGH_TO_ADAPT:
        try:
            return lifter.adapted(poses).lift(poses)
        except InputError:  # many people, but too few show some bone
            pass
    return lifter.for_joint_convention(skeleton.name).lift(poses)


def load_keypoints(store: str | Location) -> Keypoints:
    """Read everybody in a keypoint store; ``only_chosen()`` leaves those that a rule selected.

    Args:
        store: Path or URL.

    Raises:
        InputError: If there is no store, or it is not complete.
    """
    return read_keypoints(store)


def read_openpose_json(source: str | Path) -> Keypoints:
    """Read a folder of OpenPose's JSON files to all depths, or one file.

    Raises:
        InputError: If there is no such file, or one is not OpenPose's.
    """
    return read_openpose(Path(source))


def to_xarray(people: Keypoints | LiftedPoses) -> "xarray.Dataset":
    """Return people as arrays with named axes: image, person, joint, and xyc or xyz.

    Joints and coordinates are selected by name: ``sel(joint="left_wrist", xyc="x")``. 2D people
    also have the coordinate ``filename``, that of their image.

    Raises:
        InputError: If the package xarray is not installed.
    """
    try:
        import xarray
    except ImportError as error:
        raise InputError(
            'to_xarray needs the package xarray: pip install "poselift[xarray]"'
        ) from error
    if isinstance(people, LiftedPoses):
        axes = ("person", "joint", "xyz")
        values = {field.name: getattr(people, field.name) for field in fields(people)}
        return xarray.Dataset(
            {name: (axes[: np.ndim(value)], np.array(value)) for name, value in values.items()},
            coords={"joint": list(BODY_15.joints), "xyz": ["x", "y", "z"]},
        )
    names = np.array(people.filename, dtype=np.str_)
    return xarray.Dataset(
        {
            "keypoints": (("person", "joint", "xyc"), people.keypoints),
            "score": ("person", people.score),
            "chosen": ("person", people.chosen),
            "status": ("image", [ImageStatus(number).label for number in people.status]),
            "reason": ("image", np.array(people.reason, dtype=np.str_)),
            "size": (("image", "side"), people.size),
        },
        coords={
            "image": names,
            "filename": ("person", names[people.image]),
            "joint": list(people.skeleton.joints),
            "xyc": ["x", "y", "confidence"],
            "side": ["width", "height"],
        },
        attrs={"skeleton": people.skeleton.name},
    )


def draw_skeletons(image: Image, people: Keypoints, row: int = 0) -> Image:
    """Draw the skeletons of one image's people over a copy of it, BGR.

    Args:
        row: The image's row among those of ``people``.
    """
    return draw_people(image, people.people(row), people.skeleton)


def plot_person(
    people: Keypoints, lifted: LiftedPoses, person: int = 0, *, image: Image | None = None
) -> Figure:
    """Draw one person: image with skeleton, 2D pose, and the 3D pose from two angles.

    Args:
        lifted: The poses of all ``people``.
        person: Row among them.
        image: BGR, the whole one; white where it is not given.

    Returns:
        A figure of matplotlib, to be shown or saved (``savefig``).
    """
    return person_figure(lambda _: image, people, {"3D pose": lifted}, person)


_default_detector = functools.cache(load_detector)
_default_lifter = functools.cache(load_lifter)


def _read(source: ImageSource, name: str) -> Image:
    try:
        return source.read(name)
    except UnreadableImage as error:
        raise InputError(f"cannot read the image {source.root / name}: {error}") from error
