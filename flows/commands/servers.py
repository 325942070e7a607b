"""Commands about the program itself: its settings, and the pages of its servers."""

import contextlib
import threading
from typing import Annotated

import typer

from flows.console import say
from tasks.runtime.workspace import current_workspace


def show_config() -> None:
    """Print every setting as a TOML file for --config.

    Each has its default and says what it does. A file may hold only those to be changed.
    """
    from flows.config import PipelineConfig
    from pose_lib.config import config_toml

    print(config_toml(PipelineConfig()), end="")


def ui(
    prefect_port: Annotated[
        int, typer.Option(help="Port of the Prefect pages.", metavar="PORT", min=1, max=65535)
    ] = 4200,
    mlflow_port: Annotated[
        int, typer.Option(help="Port of the MLflow pages.", metavar="PORT", min=1, max=65535)
    ] = 5000,
) -> None:
    """Serve the Prefect and MLflow pages until Ctrl-C.

    They show the runs of the working folder, and can be reached from this machine alone.
    """
    from flows.local.servers import announced, mlflow_server, prefect_server

    workspace = current_workspace()
    with (
        prefect_server(workspace, prefect_port) as api,
        mlflow_server(workspace, mlflow_port) as mlflow,
        announced(api, workspace),
    ):
        say(f"Prefect  {api.removesuffix('/api')}\nMLflow   {mlflow}\nCtrl-C ends both")
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
