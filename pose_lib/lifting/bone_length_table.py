"""Bone lengths of a joint convention, with their standard errors.

A joint convention is where one detector or data set places the joints, named as its skeleton in
lower case: ``mpii_16`` for MPII's annotators, ``coco_18`` for OpenPose's COCO models. Its table is
measured on 2D alone. Conditioned on it, a lifter does better on a single photograph of that
convention; conditioned on a wrong table, it does worse than unconditioned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pose_lib.lifting.bones import (
    BONE_KIND,
    CONDITIONING_PERCENTILE,
    KINDS,
    measurable_bone_lengths,
    sightings,
)
from pose_lib.lifting.lifter_input import CONDITIONED_KINDS, log_length_ratios

LARGEST_ERROR = 0.025
"""Root mean square of a table's relative errors, up to which a lifter is conditioned on it.

On the development truth, tables that are 1, 2, 3, 4 and 5 % wrong at random change the error of a
lifter by -1.7, -1.3, -0.1, -0.2 and +4.4 mm, as against none: `docs/lifting-sources.md`.
"""

_RESAMPLES = 30
_RESAMPLED = 800  # people at most; the error of more follows from that of these
_IN_95_PERCENT = 1.96  # standard errors


@dataclass(frozen=True)
class BoneLengthTable:
    """Bone lengths of one joint convention, in the order of ``KINDS``.

    Attributes:
        name: The joint convention, such as ``mpii_16``.
        lengths: In trunk lengths, the spine's as everywhere; NaN where too few people show one.
        errors: Standard error of each, relative to the length.
        sightings: People who show it on the side that is seen less.
        people: How many there were.
        measured_on: Which people, in words.
    """

    name: str
    lengths: tuple[float, ...]
    errors: tuple[float, ...]
    sightings: tuple[int, ...]
    people: int
    measured_on: str

    def __post_init__(self) -> None:
        if {len(self.lengths), len(self.errors), len(self.sightings)} != {len(KINDS)}:
            raise ValueError(f"a table holds {', '.join(KINDS)}; lengths, errors and sightings")

    @property
    def unknown(self) -> tuple[str, ...]:
        """The kinds of bones that too few people show."""
        known = np.isfinite(self.lengths)
        return tuple(kind for kind, is_known in zip(KINDS, known, strict=True) if not is_known)

    @property
    def complete(self) -> bool:
        """Whether every bone could be measured."""
        return not self.unknown

    @property
    def error(self) -> float:
        """Root mean square of the relative errors; NaN where some are not known."""
        errors = np.array(self.errors)[[KINDS.index(kind) for kind in CONDITIONED_KINDS]]
        return float(np.sqrt(np.mean(errors**2)))

    @property
    def certain(self) -> bool:
        """Whether a lifter does better when conditioned on it."""
        return self.complete and self.error <= LARGEST_ERROR

    @property
    def interval(self) -> Float[np.ndarray, "8 2"]:
        """Between which lengths the true one lies with a probability of 95 %."""
        margin = _IN_95_PERCENT * np.array(self.errors)
        return np.array(self.lengths)[:, None] * np.exp(np.stack([-margin, margin], axis=1))

    def by_bone(self) -> Float[Tensor, "12"]:
        """Return the length of each bone."""
        return torch.tensor(self.lengths)[BONE_KIND]

    def log_ratios(self, table: Float[Tensor, "12"]) -> Float[Tensor, "7"]:
        """Return the log ratios to a lifter's table, as in ``LifterInput``."""
        return log_length_ratios(self.by_bone(), table)


def measure_table(
    name: str, poses: Float[np.ndarray, "pose 15 3"], measured_on: str, rng: np.random.Generator
) -> BoneLengthTable:
    """Measure the bone lengths of a joint convention, with standard errors from a bootstrap.

    People must be different ones: on the frames of a video the lengths are those of who is in it,
    and the errors look smaller than they are.

    Args:
        poses: ``BODY_15``, 2D and confidence, missing is ``(nan, nan, 0)``.

    Source:
        Efron 1979 for the bootstrap; of fewer than all, Bickel, Goetze and van Zwet 1997.
    """
    found = (poses[..., 2] > 0) & np.isfinite(poses).all(-1)
    joints = torch.from_numpy(np.where(found[..., None], poses[..., :2], np.nan)).float()
    seen, lengths = (
        sightings(joints),
        measurable_bone_lengths(joints, percentile=CONDITIONING_PERCENTILE),
    )
    errors = _relative_errors(joints, rng).where(lengths.isfinite(), torch.nan)
    return BoneLengthTable(
        name=name,
        lengths=_of_kinds(lengths),
        errors=_of_kinds(errors),
        sightings=tuple(int(seen[kind == BONE_KIND].min()) for kind in range(len(KINDS))),
        people=len(poses),
        measured_on=measured_on,
    )


def measure_tables(
    poses: Mapping[str, Float[np.ndarray, "_ 15 3"]], measured_on: str, rng: np.random.Generator
) -> tuple[BoneLengthTable, ...]:
    """Measure several joint conventions, given their poses by name."""
    return tuple(
        measure_table(name, of_source, measured_on, rng) for name, of_source in poses.items()
    )


def with_tables(
    known: tuple[BoneLengthTable, ...], more: tuple[BoneLengthTable, ...]
) -> tuple[BoneLengthTable, ...]:
    """Return the tables with more, in place of known ones of the same names."""
    replaced = {table.name for table in more}
    return (*(table for table in known if table.name not in replaced), *more)


def as_plain(tables: tuple[BoneLengthTable, ...]) -> dict[str, Any]:
    """Return tables by name, as JSON can hold them; None for a bone that is not known."""
    return {
        table.name: {
            "lengths": _by_kind(table.lengths),
            "errors": _by_kind(table.errors),
            "sightings": dict(zip(KINDS, table.sightings, strict=True)),
            "people": table.people,
            "measured_on": table.measured_on,
        }
        for table in tables
    }


def from_plain(tables: Mapping[str, Any]) -> tuple[BoneLengthTable, ...]:
    """Return what ``as_plain`` was made of, to six digits.

    Raises:
        KeyError: If a part is missing.
        TypeError: If a part is something else.
    """
    return tuple(
        BoneLengthTable(
            name=name,
            lengths=_floats(table["lengths"]),
            errors=_floats(table["errors"]),
            sightings=tuple(int(table["sightings"][kind]) for kind in KINDS),
            people=int(table["people"]),
            measured_on=str(table["measured_on"]),
        )
        for name, table in tables.items()
    )


def _relative_errors(
    joints: Float[Tensor, "pose 15 2"], rng: np.random.Generator
) -> Float[Tensor, "12"]:
    """Return the standard error of each bone's length, in its logarithm."""
    n = min(len(joints), _RESAMPLED)
    drawn = [rng.integers(len(joints), size=n) for _ in range(_RESAMPLES)]
    logs = [
        measurable_bone_lengths(
            joints[people], min_sightings=1, percentile=CONDITIONING_PERCENTILE
        ).log()
        for people in drawn
    ]
    return torch.stack(logs).std(dim=0) * (n / len(joints)) ** 0.5


def _of_kinds(values: Float[Tensor, "12"]) -> tuple[float, ...]:
    return tuple(float(values[kind == BONE_KIND][0]) for kind in range(len(KINDS)))


def _by_kind(values: tuple[float, ...]) -> dict[str, float | None]:
    known = [round(value, 6) if np.isfinite(value) else None for value in values]
    return dict(zip(KINDS, known, strict=True))


def _floats(values: Mapping[str, float | None]) -> tuple[float, ...]:
    ordered = [values[kind] for kind in KINDS]
    return tuple(np.nan if value is None else float(value) for value in ordered)
