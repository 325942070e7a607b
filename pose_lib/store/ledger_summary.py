"""What a long ledger comes to: shares, reasons that are alike, time."""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from pose_lib.keypoints import ImageStatus
from pose_lib.store.ledger import Ledger

FAULTY = (ImageStatus.UNREADABLE, ImageStatus.FAILED)


@dataclass(frozen=True)
class ReasonGroup:
    """Images that gave nothing for reasons which differ in numbers and names alone.

    Attributes:
        status: Label of their status.
        reason: That of the first.
        example: File name of the first.
    """

    count: int
    status: str
    reason: str
    example: str


@dataclass(frozen=True)
class Effort:
    """What the images of a ledger took.

    Attributes:
        attempts: Of all images together, and ``most_attempts`` of one.
        seconds: Of all images together; those of the last attempt at each.
    """

    attempts: int
    most_attempts: int
    seconds: float
    median_seconds: float


def faulty_rows(ledger: Ledger) -> list[int]:
    """Return the rows of the images that gave nothing although they should, in their order."""
    return np.flatnonzero(np.isin(ledger.status, FAULTY)).tolist()


def faulty_share(counts: dict[str, int]) -> float:
    """Return the share of unreadable and failed images among all; 0 where there is none."""
    return sum(counts[status.label] for status in FAULTY) / max(sum(counts.values()), 1)


def reason_groups(ledger: Ledger) -> list[ReasonGroup]:
    """Put alike reasons together, the most frequent first."""
    counts: Counter[tuple[int, str]] = Counter()
    first: dict[tuple[int, str], int] = {}
    for row in faulty_rows(ledger):
        kind = (int(ledger.status[row]), _kind(ledger.reason[row]))
        counts[kind] += 1
        first.setdefault(kind, row)
    return [
        ReasonGroup(
            count,
            ImageStatus(kind[0]).label,
            ledger.reason[first[kind]],
            ledger.filename[first[kind]],
        )
        for kind, count in counts.most_common()
    ]


def effort(ledger: Ledger) -> Effort:
    """Sum up what the images took."""
    if not ledger.n_images:
        return Effort(0, 0, 0.0, 0.0)
    seconds = ledger.seconds.astype(np.float64)
    return Effort(
        int(ledger.attempts.sum()),
        int(ledger.attempts.max()),
        float(seconds.sum()),
        float(np.median(seconds)),
    )


def _kind(reason: str) -> str:
    """Return the reason without what differs from file to file: quoted names, paths, numbers."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|\S*/\S+|\d+", "*", reason)
