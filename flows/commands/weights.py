"""The `poselift weights` commands: which OpenPose models there are, and adding their weights."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Json
from flows.console import say, show_summary, show_table
from pose_lib.errors import InputError
from tasks.runtime.workspace import current_workspace

if TYPE_CHECKING:
    from pose_lib.openpose.licenses import License

weights_app = typer.Typer(
    no_args_is_help=True, help="List OpenPose's models, or add the weights of one."
)


@weights_app.command("list")
def list_weights(as_json: Json = False) -> None:
    """List OpenPose's models and where their weights are."""
    from pose_lib.openpose.weights.model_list import available_models

    folder = current_workspace().weights
    models = available_models(folder)
    if as_json:
        print(json.dumps({"folder": str(folder), "models": [asdict(model) for model in models]}))
        return
    rows = [
        (
            m.model,
            m.joints,
            f"{m.parameters / 1e6:.1f} M",
            f"{m.n_bytes / 1e6:.0f}",
            m.license,
            m.where,
        )
        for m in models
    ]
    show_table(("model", "joints", "parameters", "MB", "license", "weights"), rows)
    if remedies := {m.model: m.remedy for m in models if m.remedy}:
        show_summary("To use the others, get the file named here, then", remedies)


@weights_app.command("add")
def add(
    file: Annotated[Path, typer.Argument(help="The published .caffemodel.", metavar="FILE")],
    accept_license: Annotated[
        bool,
        typer.Option(
            "--accept-license", "--accept-licence", help="Accept the license without being asked."
        ),
    ] = False,
    trust_as: Annotated[
        str | None,
        typer.Option(help="Take a file of unknown hash as this model's.", metavar="MODEL"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Add a model: check and convert its weights.

    Its license is shown and must be accepted. Then choose the model by its name in the settings:
    `model = "body_25"` under [extract.openpose].
    """
    from pose_lib.openpose.models import model_named
    from pose_lib.openpose.weights.add_weights import add_weights, model_of

    trusted_as = model_named(trust_as) if trust_as else None
    model = model_of(file, trusted_as=trusted_as)
    _accept(model.license, accept_license)
    added = add_weights(file, current_workspace().weights, trusted_as=trusted_as)
    if as_json:
        print(json.dumps(asdict(added)))
        return
    show_summary(f"Added {added.model}", asdict(added) | {"folder": current_workspace().weights})


def _accept(terms: "License", accepted: bool) -> None:
    """Show the license, and go on only once it is accepted."""
    if not terms.must_be_accepted:
        return
    say("\n".join((f"License: {terms.name}", *terms.summary, f"Full text: {terms.full_text}")))
    if accepted:
        return
    if not _can_ask():
        raise InputError("these weights need the license above accepted: add --accept-license")
    if not typer.confirm("Do you accept the license?", err=True):
        raise InputError("the license was not accepted; nothing was added")


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
