"""The command that measures how long bones are, on 2D poses alone."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import Data, Json, Model, local_place
from flows.console import show_table

if TYPE_CHECKING:
    from pose_lib.lifting.bone_length_table import BoneLengthTable


def bone_lengths(
    data: Data,
    model: Model = "bundled",
    save_to: Annotated[
        Path | None,
        typer.Option(
            help="Write a copy of the model there that knows these lengths; `poselift lift "
            "--model DIR` uses them for single photographs.",
            metavar="DIR",
            parser=local_place,
        ),
    ] = None,
    about: Annotated[
        str,
        typer.Option(
            help="Whose lengths these are, to be kept with them; by default the names of DATA.",
            metavar="TEXT",
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Measure bone lengths on 2D poses.

    The poses must be of many different people. Lengths are in trunk lengths, the spine being 0.6,
    and stand beside those that the model knows. All data of one skeleton is one source.
    """
    from tasks.mlflow_tracking.model_uri import check_model

    check_model(model)
    from tasks.bone_lengths import measure_bone_length_tables, save_with_tables

    tables = measure_bone_length_tables(data, about)
    from tasks.mlflow_tracking.registry import fetch_lifter  # imports MLflow

    lifter = fetch_lifter(model)
    if save_to is not None:
        save_with_tables(lifter, tables, save_to)
    if as_json:
        saved = str(save_to) if save_to else None
        known = {name: of["lengths"] for name, of in _plain(lifter.sources).items()}
        print(json.dumps({"sources": _plain(tables), "model": known, "saved": saved}))
        return
    for table in tables:
        _show(table, lifter.sources)
    if save_to is not None:
        print(f"\nwritten: {save_to}")


def _plain(tables: "tuple[BoneLengthTable, ...]") -> dict[str, Any]:
    from pose_lib.lifting.bone_length_table import as_plain

    plain = as_plain(tables)
    for table in tables:
        error = table.error if math.isfinite(table.error) else None
        plain[table.name] |= {"error": error, "certain": table.certain}
    return plain


def _show(table: "BoneLengthTable", known: "tuple[BoneLengthTable, ...]") -> None:
    from pose_lib.lifting.bone_length_table import LARGEST_ERROR
    from pose_lib.lifting.bones import KINDS

    columns = ("bone", "length", "95 % interval", "seen", *(f"model: {t.name}" for t in known))
    rows = [
        (
            kind.replace("_", " "),
            _number(table.lengths[row]),
            _interval(*table.interval[row]),
            table.sightings[row],
            *(_number(of_model.lengths[row]) for of_model in known),
        )
        for row, kind in enumerate(KINDS)
    ]
    print(f"\n{table.name}: {table.people} people\n")
    show_table(columns, rows)
    if not math.isfinite(table.error):
        print("\nNo lifter can use these lengths: too few people show every bone.")
        return
    use = "known to a lifter, they are used" if table.certain else "too much to be used"
    print(f"\nUncertain by {table.error:.1%} (limit {LARGEST_ERROR:.1%}): {use} for single photos.")


def _interval(low: float, high: float) -> str:
    return f"{_number(low)} to {_number(high)}" if math.isfinite(low) else "-"


def _number(length: float) -> str:
    return f"{length:.3f}" if math.isfinite(length) else "-"
