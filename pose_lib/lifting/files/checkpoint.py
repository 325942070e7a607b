"""A training's checkpoints: the latest and the one before, which know whether they are whole."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as tensor_bytes

from pose_lib.errors import InputError
from pose_lib.files.atomic_write import write_atomic
from pose_lib.files.parsing import MISSHAPEN
from pose_lib.lifting.training.train import Checkpoint

CHECKPOINT_SCHEMA = "poselift-checkpoint/4"
"""Its number rises whenever names, settings or networks change: a training only resumes its own."""
CHECKPOINT, EARLIER = "checkpoint.safetensors", "checkpoint.earlier.safetensors"

_DAMAGE = (SafetensorError, RuntimeError, *MISSHAPEN)  # RuntimeError: nested too deep

_NEXT = "checkpoint.next.safetensors"
_NO_HASH = 64 * b"0"


class UselessCheckpointError(InputError):
    """A checkpoint is damaged or of another version, and will be so at all times."""


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Write a checkpoint; the folder's latest becomes its earlier one.

    A kill at any moment leaves at least one whole checkpoint, if there was one. A power failure
    may damage the latest, which its hash shows, but not the earlier one.

    Raises:
        InputError: If it cannot be written, as on a full disk; the others stay as they are.
    """
    write_atomic(folder / _NEXT, _content(checkpoint))
    latest = folder / CHECKPOINT
    try:
        if latest.exists():
            _sync(latest)  # written long ago, so this takes no time
            latest.replace(folder / EARLIER)
        (folder / _NEXT).replace(latest)
    except OSError as error:
        raise InputError(f"cannot write {latest}: {error.strerror or error}") from error


def load_checkpoints(folder: Path, warn: Callable[[str], None]) -> Iterator[Checkpoint]:
    """Read a folder's whole checkpoints, the latest first; delete those of no use.

    A damaged one would otherwise be kept as the earlier one, in place of a whole one.

    Args:
        warn: Called with a line about each that is damaged or of another version.

    Raises:
        InputError: If the disk does not let one be read; then none is deleted.
    """
    for name in (CHECKPOINT, EARLIER):
        if (folder / name).exists():
            try:
                yield read_checkpoint(folder / name)
            except UselessCheckpointError as error:
                warn(str(error))
                (folder / name).unlink()


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        InputError: If it cannot be read.
        UselessCheckpointError: If it is damaged, or of another version of this package.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror or error}; see to that and run the same command "
            "again, or delete the file to go on without it"
        ) from error
    try:
        tensors, header = load_tensors(content), _header(content)
        values = json.loads(header["values"])
        schema = values.pop("schema", None)
    except _DAMAGE as error:
        raise UselessCheckpointError(f"{path} is damaged ({error}), so it is not used") from error
    if schema != CHECKPOINT_SCHEMA:
        raise UselessCheckpointError(
            f"{path} is of another version of poselift (no {CHECKPOINT_SCHEMA}), so it is not used"
        )
    if header.get("sha256") != _hash(content, header):
        raise UselessCheckpointError(f"{path} is damaged (its hash is another), so it is not used")
    return Checkpoint(tensors, values)


def _content(checkpoint: Checkpoint) -> bytes:
    """Return one safetensors file; plain values and the hash travel in its header."""
    values = json.dumps({"schema": CHECKPOINT_SCHEMA} | checkpoint.values)
    header = {"values": values, "sha256": _NO_HASH.decode()}
    content = tensor_bytes(checkpoint.tensors, metadata=header)
    return content.replace(_NO_HASH, hashlib.sha256(content).hexdigest().encode(), 1)


def _hash(content: bytes, header: dict[str, str]) -> str:
    """Return the hash of what the file was before its hash was written into it."""
    written = header.get("sha256", "").encode()
    return hashlib.sha256(content.replace(written, _NO_HASH, 1) if written else content).hexdigest()


def _header(content: bytes) -> dict[str, Any]:
    """Return the metadata of a safetensors file, whose header's length comes first."""
    length = int.from_bytes(content[:8], "little")
    return dict(json.loads(content[8 : 8 + length])["__metadata__"])


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
