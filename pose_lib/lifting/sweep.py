"""A sweep: one training's settings varied in named ways, each tried with several seeds."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pose_lib.config import build_config
from pose_lib.errors import InputError
from pose_lib.lifting.config import TrainConfig

FIGURES = {
    "pa_mpjpe": ("PA-MPJPE, mm", 1),
    "noisy_pa_mpjpe": ("noisy PA-MPJPE, mm", 1),
    "n_mpjpe": ("N-MPJPE, mm", 1),
    "pck150": ("PCK@150", 3),
    "auc": ("AUC", 3),
    "mirror_rate": ("mirror rate", 4),
    "joint_error": ("joint error in training", 4),
    "mirror_share": ("mirrored by flexion", 3),
    "depth_spread": ("depth spread", 2),
    "seconds": ("seconds", 0),
}
"""What a sweep's table can have, as people read it and with how many digits: scores against 3D
truth, where there is one, then what training itself tells."""


@dataclass(frozen=True)
class Trial:
    """One training of a sweep.

    Attributes:
        variant: What is changed, in words.
        config: All settings, with the seed.
    """

    variant: str
    config: TrainConfig

    @property
    def name(self) -> str:
        return f"{self.variant}, seed {self.config.seed}"


@dataclass(frozen=True)
class Sweep:
    """What is to be compared.

    Attributes:
        variants: Settings by name, all with seed 0; the first one is what others are held against.
        seeds: Each variant is trained with each of them.
    """

    variants: Mapping[str, TrainConfig]
    seeds: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.variants:
            raise ValueError("a sweep needs at least one variant, such as [variants.ours]")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"a sweep needs seeds, each once, not {list(self.seeds)}")
        from pose_lib.lifting.train import (
            deciding_settings,
        )  # imports torch; a wrong file is told first

        seen: dict[str, str] = {}
        for name, config in self.variants.items():
            twin = seen.setdefault(repr(deciding_settings(config)), name)
            if twin != name:
                raise ValueError(f"the variants {twin!r} and {name!r} have the same settings")

    @property
    def trials(self) -> list[Trial]:
        """All trainings, seed by seed, so that a sweep cut short has each variant as often."""
        return [
            Trial(name, replace(config, seed=seed))
            for seed in self.seeds
            for name, config in self.variants.items()
        ]


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Attributes:
        figures: By name, see ``FIGURES``; empty where the training was stopped.
        sick: Why it was stopped; empty where it was not.
    """

    trial: Trial
    figures: Mapping[str, float]
    sick: str = ""


@dataclass(frozen=True)
class Row:
    """A variant's figures over its seeds.

    Attributes:
        values: Each figure's values, one for each seed that was trained to the end.
        n_sick: Seeds whose training was stopped.
    """

    variant: str
    values: Mapping[str, tuple[float, ...]]
    n_sick: int

    def mean(self, figure: str) -> float:
        """Return a figure's mean over the seeds; NaN without any."""
        values = self.values.get(figure, ())
        return statistics.fmean(values) if values else float("nan")

    def spread(self, figure: str) -> float:
        """Return a figure's standard deviation over the seeds; zero for fewer than two."""
        values = self.values.get(figure, ())
        return statistics.stdev(values) if len(values) > 1 else 0.0


def build_sweep(table: Mapping[str, Any], *, where: str) -> Sweep:
    """Make a sweep from a table of plain values.

    Args:
        table: ``seeds``; ``base``, the settings that all variants share; ``variants``, by name
            what each one changes of them.
        where: The table's origin, for error messages.

    Raises:
        InputError: If a setting is unknown, of a wrong type or without meaning.
    """
    if unknown := sorted(table.keys() - {"seeds", "base", "variants"}):
        raise InputError(f"{where}: unknown {unknown[0]!r} (known: seeds, base, variants)")
    base, variants = (
        _table(table.get(name, {}), f"{where}: {name}") for name in ("base", "variants")
    )
    named = {
        name: _variant(
            base, _table(changes, f"{where}: variants.{name}"), f"{where}: variants.{name}"
        )
        for name, changes in variants.items()
    }
    try:
        return Sweep(named, _seeds(table.get("seeds", [0, 1, 2]), where))
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def rows_of(outcomes: Sequence[Outcome]) -> list[Row]:
    """Gather the outcomes by variant, in the order in which the variants first come."""
    rows = []
    for variant in dict.fromkeys(outcome.trial.variant for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.trial.variant == variant]
        healthy = [outcome.figures for outcome in mine if not outcome.sick]
        values = {
            name: tuple(figures[name] for figures in healthy if name in figures) for name in FIGURES
        }
        found = {name: numbers for name, numbers in values.items() if numbers}
        rows.append(Row(variant, found, n_sick=len(mine) - len(healthy)))
    return rows


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Return the figures that any of the rows has, in their order."""
    return [name for name in FIGURES if any(name in row.values for row in rows)]


def table_head(columns: Sequence[str]) -> list[str]:
    """Return the titles of a table with these figures."""
    return ["variant", "seeds", *(FIGURES[name][0] for name in columns)]


def table_cells(row: Row, columns: Sequence[str]) -> list[str]:
    """Return a variant's line in it: means over its seeds, ± their standard deviation."""
    done = max((len(values) for values in row.values.values()), default=0)
    seeds = f"{done}, {row.n_sick} sick" if row.n_sick else f"{done}"
    return [row.variant, seeds, *(_cell(row, name) for name in columns)]


def _variant(base: Mapping[str, Any], changes: Mapping[str, Any], where: str) -> TrainConfig:
    if "seed" in changes or "seed" in base:
        raise InputError(f"{where}: a sweep's seeds are its `seeds`; take out `seed`")
    return build_config(_changed(base, changes), TrainConfig, where=where)


def _changed(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the base with the changes in it, table by table."""
    nested = {
        name: _changed(base[name], value)
        for name, value in changes.items()
        if isinstance(value, Mapping) and isinstance(base.get(name), Mapping)
    }
    return {**base, **changes, **nested}


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: expected a table, got {value!r}")
    return value


def _seeds(value: object, where: str) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or any(type(seed) is not int for seed in value):
        raise InputError(f"{where}: seeds: expected a list of whole numbers, got {value!r}")
    return tuple(value)


def _cell(row: Row, figure: str) -> str:
    mean = row.mean(figure)
    if math.isnan(mean):
        return "-"
    _, digits = FIGURES[figure]
    several = len(row.values[figure]) > 1
    return f"{mean:.{digits}f}" + (f" ± {row.spread(figure):.{digits}f}" if several else "")
