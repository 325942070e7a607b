"""People in photographs, their 3D poses, and figures of both, from a script or a notebook.

The names below are all that most scripts need; ``docs/python.md`` shows them at work. Each is
imported when it is first used, so ``import pose_lib`` itself is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pose_lib.api import (
        draw_skeletons,
        find_people,
        lift,
        load_detector,
        load_keypoints,
        plot_person,
        read_image,
        read_openpose_json,
        to_xarray,
    )
    from pose_lib.keypoints import Keypoints, People
    from pose_lib.lifting.files.lifter_folder import load_lifter
    from pose_lib.lifting.lifter import Lifter
    from pose_lib.skeleton import BODY_15, COCO_17, COCO_18

__all__ = [
    "BODY_15",
    "COCO_17",
    "COCO_18",
    "Keypoints",
    "Lifter",
    "People",
    "draw_skeletons",
    "find_people",
    "lift",
    "load_detector",
    "load_keypoints",
    "load_lifter",
    "plot_person",
    "read_image",
    "read_openpose_json",
    "to_xarray",
]

_ELSEWHERE = {
    "BODY_15": "skeleton",
    "COCO_17": "skeleton",
    "COCO_18": "skeleton",
    "Keypoints": "keypoints",
    "Lifter": "lifting.lifter",
    "People": "keypoints",
    "load_lifter": "lifting.files.lifter_folder",
}
"""The modules of the names that are not in ``pose_lib.api``."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ELSEWHERE.get(name, 'api')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
