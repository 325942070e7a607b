"""How lifters are named; a wrong name is refused without MLflow."""

import re
from pathlib import Path

from pose_lib.errors import InputError
from pose_lib.lifting.files.lifter_description import (
    BUNDLED,
    REGISTRY_PREFIXES,
    read_lifter_files,
)

MODEL = "pose-lifter"
CHAMPION = "champion"

_MLFLOW = re.compile(r"models:/([^/@]+[/@][^/@]+|m-\w+)|runs:/[^/]+/.+")


def is_mlflow_uri(uri: str) -> bool:
    """Tell whether MLflow has to be asked for the lifter."""
    return uri.startswith(REGISTRY_PREFIXES)


def check_model(uri: str) -> None:
    """Refuse what names no lifter, as far as this can be known without asking MLflow.

    Raises:
        InputError: If a folder holds no whole lifter, or the URI is malformed.
    """
    if is_mlflow_uri(uri):
        if not _MLFLOW.fullmatch(uri):
            raise InputError(
                f"{uri!r} is no model's URI; such as models:/{MODEL}@{CHAMPION} or "
                f"models:/{MODEL}/3 is"
            )
    elif uri != BUNDLED:
        read_lifter_files(Path(uri))
