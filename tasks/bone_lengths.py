"""Measuring how long the bones of 2D poses are, and giving a lifter these lengths."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pose_lib.errors import InputError
from pose_lib.files.locations import Location
from pose_lib.lifting.bone_length_table import BoneLengthTable, measure_sources, with_tables
from pose_lib.lifting.bones import FEWEST_SIGHTINGS
from pose_lib.lifting.files.lifter_folder import save_lifter
from pose_lib.lifting.lifter import Lifter
from pose_lib.training_data import read_training_poses


def measure_bone_length_tables(data: Sequence[Location], about: str) -> tuple[BoneLengthTable, ...]:
    """Measure the sources of 2D poses, those on the same skeleton as one.

    Args:
        about: Which people these are; by default the names of the data.
    """
    people = about or ", ".join(path.name for path in data)
    return measure_sources(read_training_poses(data).by_skeleton, people, np.random.default_rng(0))


def save_with_tables(lifter: Lifter, tables: tuple[BoneLengthTable, ...], folder: Path) -> None:
    """Write a lifter that knows these sources, too.

    Raises:
        InputError: If a bone of theirs could not be measured; nothing is written then.
    """
    for table in tables:
        if unknown := table.unknown:
            raise InputError(
                f"{table.name} cannot be stored: {FEWEST_SIGHTINGS} people must show every bone, "
                f"but too few of the {table.people} show the "
                f"{', '.join(unknown).replace('_', ' ')}; give more people"
            )
    save_lifter(replace(lifter, sources=with_tables(lifter.sources, tables)), folder)
