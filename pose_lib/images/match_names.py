"""Which images of one list are those of another, by the ends of their paths."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from pose_lib.errors import InputError


def match_names(wanted: Sequence[str], present: Sequence[str]) -> list[int | None]:
    """Return for each wanted image its row among those present, None where it is not there.

    Two names mean the same image where the longer path ends in the shorter: ``val/7.jpg`` is
    ``images/val/7.jpg`` and ``7.jpg``.

    Raises:
        InputError: If a name fits several images equally well, or two names fit the same image.
    """
    by_name: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(present):
        by_name[PurePosixPath(name).name].append(place)
    matched = [_row(name, by_name[PurePosixPath(name).name], present) for name in wanted]
    taken: dict[int, str] = {}
    for name, row in zip(wanted, matched, strict=True):
        if row is not None and taken.setdefault(row, name) != name:
            raise InputError(
                f"both {taken[row]} and {name} may mean the image {present[row]}; "
                "use images from a folder higher up"
            )
    return matched


def _row(name: str, rows: list[int], present: Sequence[str]) -> int | None:
    fitting = [row for row in rows if _common_end(name, present[row])]
    if not fitting:
        return None
    if name in (exact := {present[row]: row for row in fitting}):
        return exact[name]
    longest = max(_common_end(name, present[row]) for row in fitting)
    best = [row for row in fitting if _common_end(name, present[row]) == longest]
    if len(best) > 1:
        either = " and ".join(present[row] for row in best[:2])
        raise InputError(f"{name} may mean both {either}; use images from one of these folders")
    return best[0]


def _common_end(name: str, other: str) -> int:
    """Return how many parts of the paths agree if the longer ends in the shorter, else 0."""
    parts, others = PurePosixPath(name).parts, PurePosixPath(other).parts
    shorter = min(len(parts), len(others))
    return shorter if parts[-shorter:] == others[-shorter:] else 0
