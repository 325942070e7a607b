"""How lifters are named; what is wrong with a name is told without MLflow."""

import re
from pathlib import Path

from pose_lib.errors import InputError
from pose_lib.lifting.files.lifter_description import (
    BUNDLED,
    DESCRIPTION,
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
    """Refuse what names no lifter, as far as this can be told without asking MLflow.

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
        if not (Path(uri) / DESCRIPTION).is_file():
            raise InputError(
                f"there is no lifter at {uri!r}: give `bundled`, a lifter's folder (with "
                f"{DESCRIPTION}), or MLflow's models:/{MODEL}@{CHAMPION}"
            )
        read_lifter_files(Path(uri))
