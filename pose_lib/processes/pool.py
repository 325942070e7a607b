"""Processes that work for this one, share memory with it, and end with it however it ends.

``multiprocessing`` gives no children to a daemonic process, as Dask's workers are, so each of
these is a program of its own at the other end of a pipe. When this process ends, be it by
``kill -9``, the pipe closes and they end too. The shared memory has no name that could outlive it.
"""

import contextlib
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

Job = Callable[[Any], Any]
"""What is done to one item. Item and answer go through a pipe; what is large belongs in memory."""

MakeJob = Callable[[memoryview], Job]
"""Makes the job in the worker process, from the shared memory; goes through a pipe itself."""

_SENT_AHEAD = 2
"""Tasks given to one process: one to work on and one to go on with at once."""

MOST_DEATHS = 2
"""A process that dies may have been killed by any of its items; the second time it is alone."""

_MOST_FALSE_STARTS = 3
"""Processes in a row that are killed before they begin."""

_GRACE_SECONDS = 5.0

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    # Keep the memory of one item for the next, up to some 100 MB. Given back to the system each
    # time, a picture of 1280x720 takes 7.2 core-ms instead of 5.0 from file to people.
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
}


@dataclass(frozen=True)
class Died:
    """The answer for an item whose process died twice of it."""

    exit_status: int

    def __str__(self) -> str:
        if self.exit_status >= 0:
            return f"the process that worked on it ended with status {self.exit_status}"
        return f"the process that worked on it was ended by {_signal_name(-self.exit_status)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have none
        return f"signal {number}"


@dataclass(frozen=True)
class _Task:
    items: Sequence[Any]
    deaths: int = 0


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    pipe: Connection
    sent: deque[_Task] = field(default_factory=deque)
    started: bool = False


class WorkerProcesses:
    """Some processes that do one job on whatever they are given.

    Not for several threads at once.

    Attributes:
        memory: Shared by all; zeros at first. Takes real memory only where it was written.
    """

    def __init__(self, n: int, make_job: MakeJob, *, n_bytes: int) -> None:
        """Start the processes.

        Args:
            make_job: A function of a module, or an instance of a module's class.
            n_bytes: Size of the shared memory.
        """
        self._file = _nameless_file(n_bytes)
        self.memory = memoryview(mmap.mmap(self._file, n_bytes))
        self._make_job = make_job
        self._waiting: deque[_Task] = deque()
        self._false_starts = 0
        self._workers: list[_Worker] = []
        self.close = weakref.finalize(self, _end, self._workers, self._file)
        self._workers += [self._start() for _ in range(n)]

    @property
    def idle(self) -> bool:
        """Whether nothing is left to do."""
        return not self._waiting and not any(worker.sent for worker in self._workers)

    @property
    def wants_work(self) -> bool:
        """Whether a process could go on with more than it was given."""
        return not self._waiting and any(len(each.sent) < _SENT_AHEAD for each in self._workers)

    @property
    def process_ids(self) -> list[int]:
        return [worker.process.pid for worker in self._workers]

    def submit(self, items: Sequence[Any]) -> None:
        """Have one process do its job on each of the items in turn."""
        self._waiting.append(_Task(items))
        self._hand_out()

    def answers(self, timeout: float | None = None) -> Iterator[tuple[Any, Any]]:
        """Wait for some answers, if any is due; yield them with their items.

        Items are done again if their process died; those that kill it again are answered ``Died``.

        Args:
            timeout: Longest wait in seconds.

        Raises:
            RuntimeError: If the job raised, or a process cannot even start.
        """
        if self.idle:
            time.sleep(timeout or 0)
            return
        for pipe in wait([worker.pipe for worker in self._workers], timeout):
            worker = next(each for each in self._workers if each.pipe is pipe)
            yield from self._received(worker)
        self._hand_out()

    def answer(self, item: Any) -> Any:
        """Have the job done on one item, with nothing else to do meanwhile; return the answer.

        Raises:
            RuntimeError: As `answers` does.
        """
        self.submit([item])
        while True:
            for _, answer in self.answers():
                return answer

    def _received(self, worker: _Worker) -> Iterable[tuple[Any, Any]]:
        try:
            answers = worker.pipe.recv()
        except (EOFError, OSError):
            return self._replace(worker)
        if isinstance(answers, str):
            raise RuntimeError(f"a worker process failed: {answers}")  # noqa: TRY004 - a text
        if not worker.started:  # its first message says no more
            worker.started = True
            self._false_starts = 0
            return []
        return zip(worker.sent.popleft().items, answers, strict=True)

    def _hand_out(self) -> None:
        """Give each task to the process that has the least to do."""
        while self._waiting:
            worker = min(self._workers, key=lambda each: len(each.sent))
            if len(worker.sent) >= _SENT_AHEAD:
                return
            task = self._waiting.popleft()
            worker.sent.append(task)
            with contextlib.suppress(OSError):  # if it has died, its pipe says so
                worker.pipe.send(task.items)

    def _replace(self, worker: _Worker) -> Iterator[tuple[Any, Any]]:
        """Start another process in place of one that died; its tasks are done again."""
        status = worker.process.wait()
        worker.pipe.close()
        if not worker.started:
            self._count_false_start(status)
        self._workers[self._workers.index(worker)] = self._start()
        n_begun = 1 if worker.started and worker.sent else 0
        begun, untouched = list(worker.sent)[:n_begun], list(worker.sent)[n_begun:]
        self._waiting.extendleft(reversed(untouched))
        for task in begun:
            for item in task.items:
                again = _Task([item], task.deaths + 1)
                if again.deaths < MOST_DEATHS:
                    self._waiting.appendleft(again)
                else:
                    yield item, Died(status)

    def _count_false_start(self, status: int) -> None:
        self._false_starts += 1
        if status >= 0 or self._false_starts >= _MOST_FALSE_STARTS:
            raise RuntimeError(
                f"a worker process ended with status {status} before it began; see what it printed"
            )

    def _start(self) -> _Worker:
        here, there = Pipe()
        call = f"work({there.fileno()}, {self._file}, {len(self.memory)})"
        program = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import work; {call}"
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(there.fileno(), self._file),
            env={**os.environ, **_ENVIRONMENT},
            start_new_session=True,  # Ctrl-C in a terminal is for the run alone
        )
        there.close()
        with contextlib.suppress(OSError):
            here.send(self._make_job)
        return _Worker(process, here)


def work(pipe_descriptor: int, memory_descriptor: int, n_bytes: int) -> None:
    """Be a worker process until the other end of the pipe closes."""
    pipe = Connection(pipe_descriptor)
    memory = memoryview(mmap.mmap(memory_descriptor, n_bytes))
    with contextlib.suppress(EOFError, OSError):
        try:
            job = pipe.recv()(memory)
            pipe.send(None)
            while True:
                pipe.send([job(item) for item in pipe.recv()])
        except (EOFError, OSError):
            raise
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")
    os._exit(0)  # at once, whatever libraries want to do at exit


def _nameless_file(n_bytes: int) -> int:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("poselift")  # not bound by the size of /dev/shm
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.truncate(descriptor, n_bytes)
    return descriptor


def _end(workers: list[_Worker], file: int) -> None:
    for worker in workers:
        worker.pipe.close()
    for worker in workers:
        try:
            worker.process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
    os.close(file)
