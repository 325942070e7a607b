"""What a training has to tell MLflow, written down here first, so that nobody waits for a server.

A journal is a file of JSON lines beside the training's checkpoints. It holds everything since the
training's first step, in order, with the time at which it was; ``outbox`` tells it to MLflow.
"""

import contextlib
import errno
import json
import os
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pose_lib.errors import InputError

JOURNAL_FILE = "journal.jsonl"

WHOLE = ""
"""The journal's name for the run of the whole training; its stages have runs of their own."""

Entry = dict[str, Any]

_CLOSED = -1


class Journal:
    """The journal of one training: kept by a kill of the process, and, once synced, by any.

    A step is told once: a training that goes back to its checkpoint does steps again, with the
    same result, and what the journal has of them already is not written a second time.

    Attributes:
        entries: All that was ever told, in order; the first names the journal.
        n_kept: How many of them are on the disk. The others wait until it has room again.
        trouble: Why those are not on the disk; empty while there are none.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.trouble = path, ""
        self.entries, self._size = _read(path)
        self.n_kept = len(self.entries)
        self._last_steps: dict[tuple[str, str], int] = {}
        for entry in self.entries:
            self._count(entry)
        self._keeping = threading.Lock()
        self._file = _opened(path, self._size)
        if not self.entries:
            self._add({"journal": uuid.uuid4().hex})
            if self.trouble:
                raise InputError(f"cannot write {path}: {self.trouble}")

    @property
    def token(self) -> str:
        """The journal's own name, by which MLflow's runs are found again."""
        return str(self.entries[0]["journal"])

    def begin(
        self, run: str, *, experiment: str, name: str, tags: Mapping[str, str], within: str | None
    ) -> None:
        """Tell that a run begins, or that it goes on where it had begun before.

        Args:
            within: The journal's run that it is a part of, if it is one.
        """
        if run in self.runs():
            self._tell(run, status="RUNNING")
        else:
            self._tell(run, begin={"experiment": experiment, "name": name, "within": within})
        self.tag(run, tags)

    def end(self, run: str, status: str) -> None:
        """Tell how a run ends, in MLflow's words; unless it has ended so already."""
        if self.status(run) != status:
            self._tell(run, status=status)

    def tag(self, run: str, tags: Mapping[str, str]) -> None:
        """Tell a run's tags; the last told count."""
        self._tell(run, tags=dict(tags))

    def log_params(self, run: str, params: Mapping[str, Any]) -> None:
        """Tell a run's parameters."""
        self._tell(run, params={name: str(value) for name, value in params.items()})

    def has_params(self, run: str) -> bool:
        """Tell whether a run's parameters, which cannot change, were told before."""
        return any(entry.get("run") == run and "params" in entry for entry in self.entries)

    def log_text(self, run: str, file: str, text: str) -> None:
        """Tell a small text file of a run."""
        self._tell(run, file=file, text=text)

    def log_metrics(self, run: str, values: Mapping[str, float], step: int) -> None:
        """Tell what was measured at a step, but for what was told of that step before."""
        new = {
            name: float(value)
            for name, value in values.items()
            if step > self._last_steps.get((run, name), -1)
        }
        if new:
            self._tell(run, step=step, metrics=new)

    def status(self, run: str) -> str | None:
        """Return how a run stands, as told last; None of one that never began."""
        for entry in reversed(self.entries):
            if entry.get("run") == run and ("status" in entry or "begin" in entry):
                return str(entry.get("status", "RUNNING"))
        return None

    def runs(self) -> list[str]:
        """Return the runs that have begun, in that order."""
        return [entry["run"] for entry in self.entries if "begin" in entry]

    def history(self, run: str = WHOLE) -> list[tuple[int, dict[str, float]]]:
        """Return each step told of a run and what was measured there."""
        told = (entry for entry in self.entries if entry.get("run") == run and "metrics" in entry)
        return [(entry["step"], entry["metrics"]) for entry in told]

    def last(self, run: str = WHOLE) -> dict[str, float]:
        """Return the last value of each thing measured in a run."""
        values: dict[str, float] = {}
        for _, metrics in self.history(run):
            values |= metrics
        return values

    def sync(self) -> None:
        """Have the disk keep what was told so far even if the power fails."""
        self._keep()
        with contextlib.suppress(OSError):
            os.fsync(self._file)

    def close(self) -> None:
        """Let go of the file."""
        with self._keeping:
            os.close(self._file)
            self._file = _CLOSED

    def _tell(self, run: str, **content: Any) -> None:
        self._add({"run": run, "at": time.time_ns() // 1_000_000} | content)

    def _add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._count(entry)
        self._keep()

    def _count(self, entry: Entry) -> None:
        for name in entry.get("metrics", ()):
            self._last_steps[entry["run"], name] = entry["step"]

    def _keep(self) -> None:
        """Write what is not on the disk yet: whole lines, or nothing where the disk is full."""
        with self._keeping:
            n_entries = len(self.entries)
            lines = b"".join(_line(entry) for entry in self.entries[self.n_kept : n_entries])
            try:
                _write(self._file, lines)
            except OSError as error:
                self.trouble = error.strerror or str(error)
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, self._size)
                return
            self.trouble = ""
            self._size += len(lines)
            self.n_kept = n_entries


def _line(entry: Entry) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _write(file: int, lines: bytes) -> None:
    if os.write(file, lines) < len(lines):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _opened(path: Path, size: int) -> int:
    """Open a journal to write behind its first ``size`` bytes; what follows them is cut off."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        os.ftruncate(file, size)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    return file


def _read(path: Path) -> tuple[list[Entry], int]:
    """Return the entries up to the first that is damaged or half written, and where they end."""
    entries: list[Entry] = []
    size = 0
    if not path.is_file():
        return entries, size
    for line in path.read_bytes().splitlines(keepends=True):
        entry = _entry(line)
        if entry is None or ("journal" in entry) != (not entries):
            break
        entries.append(entry)
        size += len(line)
    return entries, size


def _entry(line: bytes) -> Entry | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and line.endswith(b"\n") else None
