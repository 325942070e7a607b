"""Writes ``.mat`` files of the structure that MPII's own has, for tests: the real one is not free.

Source: the README of MPII's annotations (release 1, update 12), and what its readers have to cope
with: fields that are left empty, fields that a struct lacks, structs that are no arrays.
"""

from pathlib import Path

import numpy as np
import scipy.io

EMPTY = np.zeros((0, 0))


def save_release(path: Path, images, train=None, single_person=None, version="12") -> Path:
    """Write images as `image_of` makes them; all are for training where not told otherwise.

    Args:
        single_person: For each image the people, counted from 1, who stand apart.
    """
    train = [1] * len(images) if train is None else train
    apart = [[]] * len(images) if single_person is None else single_person
    cells = np.empty((len(images), 1), object)
    for row, people in enumerate(apart):
        cells[row, 0] = np.array(people, np.uint8).reshape(-1, 1) if people else EMPTY
    activity = {"act_name": "yoga", "cat_name": "sports", "act_id": 1}
    release = {
        "annolist": structs(images),
        "img_train": np.array([train], np.uint8),
        "version": version,
        "single_person": cells,
        "act": structs([activity] * len(images)).T,
        "video_list": np.array([["dQw4"]], object),
    }
    scipy.io.savemat(path, {"RELEASE": release}, do_compression=True)
    return path


def image_of(name, people=()):
    """Return an image of these people; in MATLAB the annotation of nobody is an empty matrix."""
    return {
        "image": {"name": name},
        "annorect": structs(people) if len(people) else EMPTY,
        "frame_sec": EMPTY,
        "vididx": EMPTY,
    }


def person_of(xy=None, *, head=(100, 50, 130, 90), center=(150, 200), scale=1.5, visible=None):
    """Return a person; what is None is left empty, a joint that is NaN is no point.

    Args:
        xy: (16, 2), in the order of the ids.
        visible: For each joint what ``is_visible`` says; the field is lacking where None.
    """
    corners = dict(zip(("x1", "y1", "x2", "y2"), head or [EMPTY] * 4, strict=True))
    position = EMPTY if center is None else {"x": center[0], "y": center[1]}
    points = [] if xy is None else points_of(xy, visible)
    return corners | {
        "annopoints": {"point": structs(points)} if points else EMPTY,
        "scale": EMPTY if scale is None else scale,
        "objpos": position,
    }


def points_of(xy, visible=None):
    """Return a point for every joint that is not NaN."""
    points = [
        {"x": float(x), "y": float(y), "id": joint}
        for joint, (x, y) in enumerate(np.asarray(xy))
        if np.isfinite([x, y]).all()
    ]
    if visible is None:
        return points
    return [point | {"is_visible": visible[point["id"]]} for point in points]


def structs(items):
    """Return what scipy writes as a struct array, which a list of dicts would not become."""
    names = list(dict.fromkeys(name for item in items for name in item))
    array = np.empty((1, len(items)), dtype=[(name, object) for name in names])
    for column, item in enumerate(items):
        for name in names:
            array[0, column][name] = item.get(name, EMPTY)
    return array
