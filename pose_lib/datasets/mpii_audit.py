"""What a release of MPII holds: groups of images, people, joints, and what is not used of them."""

import json
import os
import posixpath
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from pose_lib.datasets.mpii_release import MpiiRelease
from pose_lib.files.atomic_write import write_atomic

AUDIT_FILE = "audit.json"
MISSING_FILE = "missing.txt"

KEPT = "kept"
NO_POINTS = "no points"
NO_PLACE = "no position or scale"
NO_HEAD = "no head box"
OUTSIDE = "outside the image"
REASONS = (NO_POINTS, NO_PLACE, NO_HEAD, OUTSIDE)
"""Why a person is no good for scoring a detector; of several the first counts."""


@dataclass(frozen=True)
class MpiiAudit:
    """What a release of MPII holds.

    Attributes:
        version: Of the release, as written in its file.
        activities: How many different ones the images show.
        counts: For each group of images, numbers by what they count, groups in the same order.
        images: The names of each group's images, sorted.
        missing: Images that were looked for and not found, sorted.
    """

    version: str
    activities: int
    counts: Mapping[str, Mapping[str, int]]
    images: Mapping[str, tuple[str, ...]]
    missing: tuple[str, ...] = ()


def audit_mpii(release: MpiiRelease, sizes: Int[np.ndarray, "image 2"] | None = None) -> MpiiAudit:
    """Count images, people and joints, what is kept of them, and why the rest is not.

    Args:
        sizes: Width and height of every image, 0 0 where it is missing. Without any, no
            image counts as missing, and only what is left of or above an image lies outside.
    """
    names = np.array(release.people.filename, dtype=np.str_)
    known = np.zeros((len(names), 2), np.int64) if sizes is None else sizes
    lost = np.logical_and(sizes is not None, (known <= 0).any(-1))
    groups = image_groups(release)
    return MpiiAudit(
        version=release.version,
        activities=len(set(release.activity) - {""}),
        counts={group: _counts(release, rows, known, lost) for group, rows in groups.items()},
        images={group: tuple(sorted(names[rows & ~lost])) for group, rows in groups.items()},
        missing=tuple(sorted(names[lost].tolist())),
    )


def image_groups(release: MpiiRelease) -> dict[str, Bool[np.ndarray, "image"]]:
    """Return which images are in which group; every image is in one.

    In a single-person image everybody annotated stands apart from the others; in a multi-person
    image somebody does not. Whoever is in a picture without being annotated counts for nothing.
    """
    n_images = len(release.train)
    crowded = np.zeros(n_images, bool)
    crowded[release.people.image[~release.apart]] = True
    inhabited = np.zeros(n_images, bool)
    inhabited[release.people.image] = True
    by_people = {"single": inhabited & ~crowded, "multi": crowded, "nobody": ~inhabited}
    by_split = {"train": release.train, "test": ~release.train}
    return {
        f"{split} {people}": of_split & with_people
        for split, of_split in by_split.items()
        for people, with_people in by_people.items()
    }


def fates(
    release: MpiiRelease, sizes: Int[np.ndarray, "image 2"]
) -> dict[str, Bool[np.ndarray, "person"]]:
    """Return who is kept for scoring a detector and, by reason, who is not; everybody is in one."""
    people = release.people
    faults = {
        NO_POINTS: ~(people.keypoints[..., 2] > 0).any(-1),
        NO_PLACE: ~(np.isfinite(people.center).all(-1) & np.isfinite(people.scale)),
        NO_HEAD: ~np.isfinite(people.head_size),
        OUTSIDE: _outside(people.center, sizes[people.image]),
    }
    left = np.ones(len(people), bool)
    fate = {}
    for reason in REASONS:
        fate[reason] = left & faults[reason]
        left = left & ~faults[reason]
    return {KEPT: left} | fate


def write_audit(audit: MpiiAudit, folder: Path, images: Path | None = None) -> list[Path]:
    """Write a list of images for each group with people, and ``audit.json``; return the files.

    Args:
        images: Where the images are. Names are relative to the lists then, so that a list can be
            given to `find_images`; without it they are MPII's own, fit for a list among the images.
    """
    prefix = "" if images is None else f"{os.path.relpath(images.resolve(), folder.resolve())}/"
    texts = {AUDIT_FILE: json.dumps(audit_table(audit), indent=1)}
    for group, names in audit.images.items():
        if not group.endswith("nobody"):
            lines = (posixpath.normpath(prefix + name) for name in names)
            texts[f"{group.replace(' ', '_')}.txt"] = "".join(f"{line}\n" for line in lines)
    if images is not None:
        texts[MISSING_FILE] = "".join(f"{name}\n" for name in audit.missing)
    for name, text in texts.items():
        write_atomic(folder / name, text.encode())
    return [folder / name for name in texts]


def audit_table(audit: MpiiAudit) -> dict[str, Any]:
    """Return the audit as plain values without the names, of which only the missing ones stay."""
    table = asdict(audit)
    return {key: table[key] for key in ("version", "activities", "counts", "missing")}


def _counts(
    release: MpiiRelease,
    images: Bool[np.ndarray, "image"],
    sizes: Int[np.ndarray, "image 2"],
    lost: Bool[np.ndarray, "image"],
) -> dict[str, int]:
    people = release.people
    here = images[people.image]
    found, stated = people.keypoints[here][..., 2] > 0, release.stated[here]
    beyond = _outside(people.keypoints[here][..., :2], sizes[people.image[here]][:, None])
    numbers = {
        "images": images,
        "images missing": images & lost,
        "people": here,
        "people apart": here & release.apart,
        **{f"people {fate}": here & those for fate, those in fates(release, sizes).items()},
        "joints": found,
        "joints visible": found & stated & people.visible[here],
        "joints hidden": found & stated & ~people.visible[here],
        "joints without visibility": found & ~stated,
        "joints outside the image": found & beyond,
        "points repeated": release.repeated[here],
        "points unusable": release.unusable[here],
    }
    return {name: int(np.sum(values)) for name, values in numbers.items()}


def _outside(xy: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Tell which points lie beyond the image's edges; beyond an unknown size nothing does."""
    end = np.where(size > 0, size, np.inf)
    return np.logical_or((xy < 0).any(-1), (xy > end).any(-1))  # NaN is on neither side
