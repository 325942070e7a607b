"""The `poselift sweep` command: which part of the method brings what."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Cluster, Data, Json, Workers, local_place
from flows.console import say, show_table
from flows.session import session_with_workers
from pose_lib.errors import InputError

if TYPE_CHECKING:
    from pose_lib.lifting.sweep import Outcome

_SHOWN = ("pa_mpjpe", "noisy_pa_mpjpe", "mirror_rate", "joint_error", "mirror_share", "seconds")
_MOST_COLUMNS = 3


def sweep(
    file: Annotated[
        Path, typer.Argument(help="TOML file with the variants.", metavar="SWEEP.toml")
    ],
    data: Data,
    truth: Annotated[
        Path | None,
        typer.Option(help="3D truth to score against; it is never trained on.", metavar="F.npz"),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(help="Seeds in place of the file's, such as 0,1,2.", metavar="LIST"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for table and figure.", metavar="DIR", parser=local_place),
    ] = None,
    workers: Workers = None,
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Train variants of the lifter side by side and compare.

    The file names variants by the settings that they change; each is trained with every seed. Run
    it again to go on with a sweep that was cut short, or after adding a variant to the file.
    """
    from tasks.checks import check_sweep

    chosen = _numbers(seeds) if seeds is not None else None
    check_sweep(file, data, truth, chosen)
    with session_with_workers(workers, cluster):
        from flows.sweep import sweep as sweep_flow

        outcomes = sweep_flow(
            file.absolute(),
            data,
            truth.absolute() if truth else None,
            chosen,
            out,
        )
    if as_json:
        print(json.dumps([_plain(outcome) for outcome in outcomes]))
    else:
        _show(outcomes)


def _numbers(seeds: str) -> list[int]:
    try:
        return [int(seed) for seed in seeds.replace(",", " ").split()]
    except ValueError:
        raise InputError(f"--seeds: expected whole numbers such as 0,1,2, got {seeds!r}") from None


def _plain(outcome: "Outcome") -> dict[str, object]:
    trial = outcome.trial
    told = {"variant": trial.variant, "seed": trial.config.seed, "sick": outcome.sick}
    return told | dict(outcome.figures)


def _show(outcomes: "tuple[Outcome, ...]") -> None:
    """Print what fits into a terminal; the whole table is in MLflow and, if wanted, in a folder."""
    from pose_lib.lifting.sweep import columns_of, rows_of, table_cells, table_head

    rows = rows_of(outcomes)
    columns = columns_of(rows)
    shown = [name for name in _SHOWN if name in columns][:_MOST_COLUMNS]
    show_table(table_head(shown), [table_cells(row, shown) for row in rows])
    for outcome in outcomes:
        if outcome.sick:
            say(f"{outcome.trial.name}: {outcome.sick}")
