"""Tells MLflow what a journal holds: in order, each thing once, whenever MLflow answers.

Why not MLflow's own asynchronous logging? Its queue lives in memory, so that a kill loses it, and
it gives a batch up after a few tries.
"""

import contextlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlflow.entities import Metric, Param, Run, RunTag

from pose_lib.errors import InputError
from pose_lib.files.atomic_write import write_atomic
from tasks.mlflow_tracking.client import PARENT_TAG, connect, create_run, find_runs, is_there
from tasks.mlflow_tracking.journal import WHOLE, Entry, Journal

SEND_SECONDS = 5.0
LAST_TRY_SECONDS = 5.0
"""How long an interrupted run stays for what it has still to tell."""

JOURNAL_TAG = "journal"

_SENT_FILE = "sent.json"
_MOST_METRICS, _MOST_OTHERS = 1000, 100  # of one request, MLflow's limits


class Sender:
    """Tells one journal to MLflow.

    What was sent is noted on disk after it was sent, so a kill in between sends some of it again.
    That changes nothing: a run is found again by its tag, and MLflow's databases know a point by
    its name, step, value and time, which the journal gives.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._client = connect()
        self._runs, self._n_sent = _remembered(journal)
        self._lock = threading.Lock()

    @property
    def n_unsent(self) -> int:
        """Entries that MLflow does not have yet."""
        return len(self._journal.entries) - self._n_sent

    def run_id(self, run: str = WHOLE) -> str:
        """Return MLflow's id of a run whose beginning was sent."""
        return self._runs[run]

    def send(self) -> None:
        """Send all that is on the disk.

        Raises:
            MlflowException: If MLflow does not answer, or refuses; the rest stays to be sent.
        """
        with self._lock:
            if self._n_sent == self._journal.n_kept:
                return
            self._journal.sync()  # never let MLflow know what we could forget
            try:
                while entries := self._journal.entries[self._n_sent : self._journal.n_kept]:
                    self._n_sent += self._send_first(entries)
            finally:
                self._remember()

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        """Send every few seconds during the block, and at its end, as far as MLflow answers."""
        stop = threading.Event()
        thread = threading.Thread(target=self._send_until, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(LAST_TRY_SECONDS)

    def _send_until(self, stop: threading.Event) -> None:
        is_last = False
        while not is_last:
            is_last = stop.wait(SEND_SECONDS)
            with contextlib.suppress(Exception):  # whoever waits for the rest will hear of it
                self.send()

    def _send_first(self, entries: Sequence[Entry]) -> int:
        """Send as many of the entries as fit in one request a run; return how many they were."""
        first = entries[0]
        if "begin" in first:
            self._runs[first["run"]] = self._begun(first)
        elif "status" in first:
            self._send_status(first)
        elif "text" in first:
            self._client.log_text(self._runs[first["run"]], first["text"], first["file"])
        elif "journal" not in first:
            return self._send_batch(entries)
        return 1

    def _begun(self, entry: Entry) -> str:
        """Return the id of the run that begins, made unless MLflow has it already."""
        told = entry["begin"]
        tags = {JOURNAL_TAG: f"{self._journal.token} {entry['run']}"}
        if told["within"] is not None:
            tags[PARENT_TAG] = self._runs[told["within"]]
        known = find_runs(told["experiment"], tags)
        run = known[0] if known else create_run(told["experiment"], told["name"], entry["at"], tags)
        return str(run.info.run_id)

    def _send_status(self, entry: Entry) -> None:
        run_id, status = self._runs[entry["run"]], entry["status"]
        if status == "RUNNING":
            self._client.update_run(run_id, status)
        else:
            self._client.set_terminated(run_id, status, entry["at"])

    def _send_batch(self, entries: Sequence[Entry]) -> int:
        batches: defaultdict[str, _Batch] = defaultdict(_Batch)
        n_taken = 0
        for entry in entries:
            if not batches[entry["run"]].takes(entry):
                break
            n_taken += 1
        for run, batch in batches.items():
            if batch.is_empty:
                continue
            self._client.log_batch(self._runs[run], batch.metrics, batch.params, batch.tags)
        return n_taken

    def _remember(self) -> None:
        note = {"journal": self._journal.token, "runs": self._runs, "sent": self._n_sent}
        with contextlib.suppress(InputError):  # a full disk: some will be sent again
            write_atomic(self._journal.path.with_name(_SENT_FILE), json.dumps(note).encode())


def run_of_journal(journal: Journal, experiment: str) -> Run | None:
    """Return the run that MLflow has of a journal's whole training."""
    found = find_runs(experiment, {JOURNAL_TAG: f"{journal.token} {WHOLE}"})
    return found[0] if found else None


@dataclass
class _Batch:
    """What one request may hold."""

    metrics: list[Metric] = field(default_factory=list)
    params: list[Param] = field(default_factory=list)
    tags: list[RunTag] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.metrics or self.params or self.tags)

    def takes(self, entry: Entry) -> bool:
        """Take an entry in, if it is of the kind that goes in batches and there is room."""
        metrics, params, tags = (entry.get(kind, {}) for kind in ("metrics", "params", "tags"))
        if not (metrics or params or tags):
            return not entry.keys() & {"begin", "status", "text"}
        if not self.is_empty:
            others = len(self.params) + len(self.tags) + len(params) + len(tags)
            n_metrics = len(self.metrics) + len(metrics)
            if others > _MOST_OTHERS or n_metrics + others > _MOST_METRICS:
                return False
        at, step = entry["at"], entry.get("step", 0)
        self.metrics += [Metric(name, value, at, step) for name, value in metrics.items()]
        self.params += [Param(name, value) for name, value in params.items()]
        self.tags += [RunTag(name, value) for name, value in tags.items()]
        return True


def _remembered(journal: Journal) -> tuple[dict[str, str], int]:
    """Return the known runs and how much was sent; nothing if MLflow has the run no longer."""
    path = journal.path.with_name(_SENT_FILE)
    runs, n_sent = _noted(path, journal.token)
    if WHOLE in runs and is_there(runs[WHOLE]):
        return runs, min(n_sent, len(journal.entries))
    return {}, 0


def _noted(path: Path, token: str) -> tuple[dict[str, str], int]:
    try:
        note = json.loads(path.read_bytes())
        return (dict(note["runs"]), int(note["sent"])) if note["journal"] == token else ({}, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return {}, 0
