"""The `poselift models` commands: the registered lifters."""

import json
from typing import Annotated

import typer

from flows.commands.options import Json
from flows.console import show_table

models_app = typer.Typer(
    no_args_is_help=True, help="List the registered lifters, or choose the champion."
)


@models_app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the registered lifters, newest first."""
    from tasks.mlflow_tracking.registry import as_table, list_lifters

    rows = as_table(list_lifters())
    if as_json:
        print(json.dumps({"models": rows}))
        return
    cells = [(row["uri"], ", ".join(row["aliases"]), row["run_id"]) for row in rows]
    show_table(("model", "aliases", "MLflow run"), [("bundled", "", ""), *cells])


@models_app.command()
def promote(
    version: Annotated[
        int, typer.Argument(help="Its number, as `poselift models list` shows it.", metavar="N")
    ],
) -> None:
    """Make a version the champion."""
    from tasks.mlflow_tracking.registry import promote as promote_version

    print(f"champion: {promote_version(version).uri}")


@models_app.command()
def rollback() -> None:
    """Make the version before the champion the champion."""
    from tasks.mlflow_tracking.registry import rollback as roll_back

    print(f"champion: {roll_back().uri}")
