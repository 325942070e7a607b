"""A batch of results as the bytes of an ``.npz`` file: numpy arrays, and no pickle.

``about`` (schema, skeleton, provenance, package_version), ``filename`` and ``reason`` are JSON in
ASCII as arrays of bytes: quick, and safe for whatever letters a file name holds. A value for each
image have ``digest``, ``size``, ``status``, ``attempts``, ``seconds`` and ``n_people``; for each
person ``keypoints`` and ``score``.
"""

import io
import json
import sys
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from jaxtyping import Int

from pose_lib.keypoints import ImageStatus, Keypoints
from pose_lib.skeleton import Skeleton
from pose_lib.store.ledger import ExtractionResults
from pose_lib.store.schema import DAMAGE

BATCH_SCHEMA = "poselift-batch/1"
DAMAGED_FILE = (*DAMAGE, EOFError, zipfile.BadZipFile)
"""What is raised at bytes that are no batch."""

_VERSION = version("poselift")


@dataclass(frozen=True)
class BatchIndex:
    """What is to be known of a batch to choose among results.

    Attributes:
        provenance: Hash of what the results depend on beside the images; empty in a batch of
            another schema.
        digest: Hash of each image's content, as ASCII bytes.
    """

    provenance: str
    digest: np.ndarray
    status: Int[np.ndarray, "image"]
    attempts: Int[np.ndarray, "image"]


def encode_batch(results: ExtractionResults, provenance: str) -> bytes:
    """Return the file for some results.

    Args:
        provenance: Hash of what they depend on beside the images.
    """
    keypoints, file = results.keypoints, io.BytesIO()
    about = {
        "schema": BATCH_SCHEMA,
        "skeleton": keypoints.skeleton.name,
        "provenance": provenance,
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


def decode_batch(content: bytes, skeleton: Skeleton) -> ExtractionResults:
    """Return the results in a file.

    Raises:
        One of ``DAMAGED_FILE``, if it is no batch of that skeleton.
    """
    with _columns(content) as columns:
        n_people = columns["n_people"]
        keypoints = Keypoints(
            skeleton=skeleton,
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


def decode_index(content: bytes) -> BatchIndex:
    """Return what a file is chosen by, without decoding the people.

    Raises:
        As `decode_batch`.
    """
    with _columns(content) as columns:
        about = _json_value(columns["about"])
        provenance = about["provenance"] if about["schema"] == BATCH_SCHEMA else ""
        status = columns["status"].astype(np.int8)
        index = BatchIndex(provenance, columns["digest"], status, columns["attempts"])
    if not len(index.digest) == len(status) == len(index.attempts):
        raise ValueError("its columns differ in length")
    if unknown := set(np.unique(status).tolist()) - set(ImageStatus):
        raise ValueError(f"unknown image status {sorted(unknown)}")
    return index


def _columns(content: bytes) -> Any:
    columns = np.load(io.BytesIO(content), allow_pickle=False)
    if any(member.compress_type for member in columns.zip.infolist()):
        raise ValueError("it is compressed, and may unpack to anything")
    return columns


def _json_array(value: Any) -> np.ndarray:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _json_value(array: np.ndarray) -> Any:
    return json.loads(array.tobytes())
