"""What lies beside a lifter's weights and says what they are; read without torch."""

import hashlib
from pathlib import Path
from typing import Any

from pose_lib.errors import InputError
from pose_lib.files.parsing import read_json

SCHEMA = "poselift-lifter/2"
WEIGHTS, DESCRIPTION = "lifter.safetensors", "lifter.json"
BUNDLED = "bundled"
REGISTRY_PREFIXES = ("models:/", "runs:/")

_MAX_DESCRIPTION_BYTES = 1 << 22  # of some kB, more where the origin tells much


def read_lifter_files(folder: Path) -> tuple[dict[str, Any], bytes]:
    """Return the description of a folder's lifter and the content of its weights.

    Raises:
        InputError: If the folder holds no lifter, or a damaged one.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise InputError(
            f"there is no lifter at {str(folder)!r}: give `{BUNDLED}`, a lifter's folder (with "
            f"{DESCRIPTION}), or MLflow's models:/pose-lifter@champion"
        )
    description = read_json(
        path, "lifter", max_bytes=_MAX_DESCRIPTION_BYTES, remedy="copy the folder again"
    )
    if not isinstance(description, dict) or description.get("schema") != SCHEMA:
        raise InputError(
            f"{path} describes no lifter of schema {SCHEMA}; one of another version of this "
            "package must be trained again"
        )
    try:
        content = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot read the lifter in {folder}: {WEIGHTS}: {reason}") from error
    if hashlib.sha256(content).hexdigest() != description.get("sha256"):
        raise InputError(
            f"{folder / WEIGHTS} is damaged: its hash is not that in {DESCRIPTION}; "
            "copy the folder again"
        )
    return description, content
