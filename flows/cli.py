"""The `poselift` command: what it is made of, and how it ends.

Each command runs the flow of its name, with progress bars. Heavy imports wait inside the commands,
so that ``--help`` answers at once.
"""

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from flows.commands import (
    bone_lengths,
    evaluate,
    models,
    mpii,
    pipeline,
    servers,
    status,
    sweep,
    weights,
)
from flows.commands.renamed import current_names, plain_warnings
from flows.console import visible
from flows.local.servers import set_environment
from pose_lib.errors import InputError, RunFailedError
from tasks.runtime.workspace import HOME_VARIABLE, current_workspace, without_password

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Find people in photographs with OpenPose and lift them to 3D, by a network that learned "
    "depth from 2D poses alone.\n\nTo begin: `poselift demo`, or `poselift lift photo.jpg --out "
    "lifted`. Each command has --help.",
)
for command in (
    *(pipeline.demo, pipeline.run, pipeline.extract, pipeline.export),
    *(status.status, status.retry),
    *(
        mpii.select,
        pipeline.train,
        sweep.sweep,
        pipeline.lift,
        bone_lengths.bone_lengths,
        mpii.mpii,
    ),
):
    app.command()(command)
app.add_typer(evaluate.evaluate_app, name="evaluate")
app.add_typer(models.models_app, name="models")
app.add_typer(weights.weights_app, name="weights")
app.command("config")(servers.show_config)
app.command()(servers.ui)


@app.callback()
def _options(
    home: Annotated[
        Path | None,
        typer.Option(help="Working folder; $POSELIFT_HOME, else .poselift here.", metavar="DIR"),
    ] = None,
) -> None:
    if home is not None and home.exists() and not home.is_dir():
        raise InputError(f"the working folder {home} is a file; name a folder")
    if home is not None:
        os.environ[HOME_VARIABLE] = str(home.absolute())
    set_environment(current_workspace())


def main() -> None:
    """Run the command line: 0 on success, 1 on a failed run, 2 on wrong usage or bad input."""
    try:
        with plain_warnings():
            arguments = current_names(sys.argv[1:])
            status = app(arguments, standalone_mode=False, prog_name="poselift")
    except InputError as error:
        _end(str(error), BAD_INPUT)
    except RunFailedError as error:
        _end(str(error), FAILED)
    except typer.TyperException as error:
        _end_usage(error)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except Exception as error:
        if _comes_of_ctrl_c(error):
            _end_interrupted()
        if os.environ.get("POSELIFT_DEBUG"):
            traceback.print_exc()
        reason = without_password(" ".join(f"{type(error).__name__}: {error}".split()))
        _end(f"failed: {reason} (POSELIFT_DEBUG=1 shows more)", FAILED)
    if status == INTERRUPTED:  # which Typer returns for Ctrl-C inside a command
        _end_interrupted()
    sys.exit(status)


def _comes_of_ctrl_c(error: BaseException) -> bool:
    """Tell whether an error is what a library made of Ctrl-C; pydantic's keeps only its name."""
    before = error.__cause__ or error.__context__
    return (
        isinstance(error, KeyboardInterrupt)
        or KeyboardInterrupt.__name__ in str(error)
        or (before is not None and _comes_of_ctrl_c(before))
    )


def _end_usage(error: typer.TyperException) -> NoReturn:
    """Tell in one line what is wrong with the command line, and which help tells more."""
    text = error.format_message()
    if text.startswith("Usage:"):  # the help of a group that is named without a command of it
        print(text, file=sys.stderr)
        sys.exit(error.exit_code)
    message = " ".join(text.split()).removesuffix(".")
    context = getattr(error, "ctx", None)
    if context is not None and not message.startswith("Invalid value"):  # which says it all
        message += f"; see `{context.command_path} --help`"
    _end(message, error.exit_code)


def _end_interrupted() -> NoReturn:
    _end("interrupted; run the same command again to go on", INTERRUPTED)


def _end(message: str, status: int) -> NoReturn:
    print(f"poselift: {visible(message)}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
