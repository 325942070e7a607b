"""A batch of results as the bytes of an ``.npz`` file: numpy arrays, and no pickle.

``about`` (schema, skeleton, provenance, package_version), ``filename`` and ``reason`` are JSON in
ASCII as arrays of bytes: quick, and safe for whatever letters a file name holds. A value for each
image have ``digest``, ``size``, ``status``, ``attempts``, ``seconds`` and ``n_people``; for each
person ``keypoints`` and ``score``.
"""

import contextlib
import io
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.skeleton import skeleton_named
from pose_lib.store.ledger import ExtractionResults
from pose_lib.store.provenance import Provenance
from pose_lib.store.schema import DAMAGE

BATCH_SCHEMA = "poselift-batch/1"
NO_BATCH = (*DAMAGE, EOFError, zipfile.BadZipFile)
"""What is raised at bytes that are no batch."""

_VERSION = version("poselift")


def encode_batch(results: ExtractionResults, provenance: Provenance) -> bytes:
    """Return the file for some results."""
    keypoints, file = results.keypoints, io.BytesIO()
    about = {
        "schema": BATCH_SCHEMA,
        "skeleton": keypoints.skeleton.name,
        "provenance": provenance.digest,
        "package_version": _VERSION,
    }
    np.savez(
        file,
        about=_json_array(about),
        digest=np.array(results.digest, np.bytes_),
        filename=_json_array(keypoints.filename),
        size=keypoints.size.astype(np.int32),
        status=keypoints.status.astype(np.uint8),
        reason=_json_array(keypoints.reason),
        attempts=results.attempts.astype(np.int32),
        seconds=results.seconds.astype(np.float32),
        n_people=np.bincount(keypoints.image, minlength=len(results)).astype(np.int32),
        keypoints=keypoints.keypoints.astype(np.float32, copy=False),
        score=keypoints.score.astype(np.float32, copy=False),
    )
    return file.getvalue()


@contextlib.contextmanager
def open_batch(content: bytes, provenance: Provenance) -> Iterator[Mapping[str, np.ndarray]]:
    """Give the columns of a file, each of which is decoded when it is asked for.

    Raises:
        One of ``NO_BATCH``, if it has no results of that provenance.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as columns:
        if any(member.compress_type for member in columns.zip.infolist()):
            raise ValueError("it is compressed, and may unpack to anything")
        about = _json_value(columns["about"])
        if (about["schema"], about["provenance"]) != (BATCH_SCHEMA, provenance.digest):
            raise ValueError("it is of another schema or provenance")
        if unknown := set(np.unique(columns["status"]).tolist()) - set(ImageStatus):
            raise ValueError(f"unknown image status {sorted(unknown)}")
        yield columns


def decode_batch(columns: Mapping[str, np.ndarray], provenance: Provenance) -> ExtractionResults:
    """Return the results in an open file.

    Raises:
        One of ``NO_BATCH``, if the columns do not agree.
    """
    n_people = columns["n_people"]
    keypoints = Keypoints(
        skeleton=skeleton_named(provenance.skeleton),
        filename=tuple(_json_value(columns["filename"])),
        size=columns["size"],
        status=columns["status"].astype(np.int64),
        reason=tuple(map(sys.intern, _json_value(columns["reason"]))),
        keypoints=columns["keypoints"],
        image=np.repeat(np.arange(len(n_people)), n_people),
        score=columns["score"],
    )
    digests = tuple(digest.decode() for digest in columns["digest"].tolist())
    return ExtractionResults(keypoints, digests, columns["attempts"], columns["seconds"])


def _json_array(value: Any) -> np.ndarray:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _json_value(array: np.ndarray) -> Any:
    return json.loads(array.tobytes())
