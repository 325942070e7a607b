"""The one set of colors: what is left, right or in the middle looks the same in every picture."""

from typing import Literal

Side = Literal["left", "right", "middle"]

SIDE_COLORS: dict[Side, str] = {"right": "#E66100", "left": "#0C7BDC", "middle": "#5D6670"}
"""Blue and orange stay apart for the color-blind; the middle has none."""

PERSON_COLORS = ("#FFFFFF", "#FFE94A", "#8CF0C0", "#F7A8E0", "#B9A5FF", "#9BE8FF")
"""Outlines of the people of one picture, repeated from the seventh on."""

OTHERS_COLOR, OTHERS_OUTLINE = "#9AA0A6", "#4A4F55"
"""For people who were found but not chosen."""


def joint_side(joint: str) -> Side:
    """Return the side of the body that a joint's name says."""
    if joint.startswith("left_"):
        return "left"
    return "right" if joint.startswith("right_") else "middle"


def bone_side(bone: tuple[str, str]) -> Side:
    """Return the side a bone belongs to: that of its ends, the middle where they disagree."""
    sides = {joint_side(joint) for joint in bone} - {"middle"}
    return sides.pop() if len(sides) == 1 else "middle"


def bgr(color: str) -> tuple[int, int, int]:
    """Turn ``#RRGGBB`` into OpenCV's order."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return blue, green, red
