"""Fuzz the readers of files from outside, guided by coverage, and print what came of it.

    python -m research.fuzzing.fuzz_readers --reader openpose_json --seconds 60
    python -m research.fuzzing.fuzz_readers --all --seconds 1800

Whatever bytes a file holds, its reader must return or raise an ``InputError`` of one line that
names the file: no other exception, no end of the process, no more than some seconds, no more memory
than the file is worth. Inputs that break this are kept in ``--out``. Needs atheris (the extra
``fuzz``), which there is for Linux.
"""

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from research.fuzzing.fuzz_seeds import ROOT
from research.fuzzing.fuzz_targets import Target, targets

MAX_SECONDS = 5.0
"""Of computing, for one input."""
MAX_GROWTH_MB = 512
"""Of memory in use, by one input: beyond what any file as small as these is worth."""
MAX_INPUT_BYTES = 1 << 17

_LIMIT_SECONDS, _LIMIT_MB = 30, 3000  # at which libFuzzer ends the process
_INSTRUMENTED = ["pose_lib", "tomllib", "pickletools", "PIL", "zarr.core.metadata"]
_NOTE_EVERY = 0.5


@dataclass
class Tally:
    """What came of one reader's fuzzing.

    Attributes:
        edges: Of the instrumented code, reached by any input.
        crashes: Inputs that broke the law, by what they did.
        slowest: Seconds of computing, for the worst input.
        peak_mb: The most memory that the process used.
    """

    executions: int = 0
    edges: int = 0
    crashes: dict[str, int] = field(default_factory=dict)
    slowest: float = 0.0
    slowest_bytes: int = 0
    peak_mb: int = 0

    def and_then(self, later: "Tally") -> "Tally":
        slower = max(self, later, key=lambda tally: tally.slowest)
        return Tally(
            self.executions + later.executions,
            max(self.edges, later.edges),
            dict(Counter(self.crashes) + Counter(later.crashes)),
            slower.slowest,
            slower.slowest_bytes,
            max(self.peak_mb, later.peak_mb),
        )


def main() -> int:
    arguments = _arguments()
    if arguments.child:
        _fuzz(arguments.child, arguments.out, arguments.seconds)
    try:
        import atheris  # noqa: F401 - only whether it is there
    except ImportError:
        print(
            "atheris is not installed: pip install 'poselift[fuzz]' (wheels are for Linux, and not "
            "for every Python)",
            file=sys.stderr,
        )
        return 2
    known = sorted(targets())
    names = known if arguments.all else arguments.reader
    if unknown := set(names) - set(known):
        print(f"no reader is called {unknown.pop()}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    seconds = max(1, arguments.seconds // len(names))
    tallies = {name: _fuzz_in_processes(name, arguments.out, seconds) for name in names}
    print(_table(tallies))
    return int(any(tally.crashes for tally in tallies.values()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--reader", nargs="+", metavar="NAME")
    which.add_argument("--all", action="store_true", help="all readers, one after the other")
    which.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=int, default=60, help="for all of them together")
    parser.add_argument("--out", type=Path, help="folder for what breaks a reader")
    arguments = parser.parse_args()
    arguments.out = arguments.out or Path(tempfile.mkdtemp(prefix="fuzz-"))
    return arguments


def _fuzz_in_processes(name: str, out: Path, seconds: int) -> Tally:
    """Fuzz a reader for a time, in a new process whenever one was killed by an input."""
    (out / name / "corpus").mkdir(parents=True, exist_ok=True)
    end, tally = time.monotonic() + seconds, Tally()
    while (left := end - time.monotonic()) >= 1:
        tally = tally.and_then(_one_process(name, out, int(left)))
    print(f"{name}: {tally.executions} executions, crashes: {tally.crashes or 'none'}", flush=True)
    return tally


def _one_process(name: str, out: Path, seconds: int) -> Tally:
    note, log = out / name / "tally.json", out / name / "log.txt"
    note.unlink(missing_ok=True)
    command = [sys.executable, "-m", "research.fuzzing.fuzz_readers", "--child", name]
    options = ["--seconds", str(seconds), "--out", str(out)]
    memory = Path("/dev/shm")
    place = tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory if memory.is_dir() else None)
    with log.open("wb") as file, place as folder:
        ended = subprocess.run(
            [*command, *options],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": folder},
            stdout=file,
            stderr=file,
            check=False,
        )
    tally = Tally(**json.loads(note.read_text())) if note.exists() else Tally()
    text = log.read_text(errors="replace")
    tally.edges = max(map(int, re.findall(r"cov: (\d+)", text)), default=0)
    if ended.returncode:
        reason = re.search(r"ERROR: libFuzzer: (\S+)", text)
        tally.crashes[f"process ended: {reason[1] if reason else ended.returncode}"] = 1
    return tally


def _fuzz(name: str, out: Path, seconds: int) -> None:
    """Fuzz a reader in this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED):
        target = targets()[name]
        corpus = out / name / "corpus"
        with tempfile.TemporaryDirectory() as folder:
            for number, seed in enumerate(target.seeds(Path(folder))):
                (corpus / f"seed-{number}").write_bytes(seed)
    folder = Path(tempfile.mkdtemp())  # below a folder that the process above deletes
    warnings.simplefilter("ignore")

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        def change(piece: bytes) -> bytes:
            return atheris.Mutate(piece, max(len(piece) + 64, 128))

        return target.mutate(data, change, random.Random(seed))[:max_size]

    limits = (f"-max_total_time={seconds}", f"-timeout={_LIMIT_SECONDS}")
    limits += (f"-rss_limit_mb={_LIMIT_MB}", f"-max_len={MAX_INPUT_BYTES}")
    options = [*limits, f"-artifact_prefix={out / name}/", str(corpus)]
    judge = _Judge(target, folder, out / name)
    atheris.Setup([name, *options], judge.try_input, custom_mutator=mutate)
    atheris.Fuzz()


class _Judge:
    """Tries inputs on a reader, and notes and keeps those that break the law."""

    def __init__(self, target: Target, folder: Path, out: Path) -> None:
        self._target, self._folder, self._out = target, folder, out
        self._tally, self._noted = Tally(), 0.0

    def try_input(self, data: bytes) -> None:
        path = self._target.write(self._folder, data)
        before, start = _peak_mb(), time.process_time()
        fault = _fault(self._target, path, str(self._folder))
        seconds, peak = time.process_time() - start, _peak_mb()
        if seconds > MAX_SECONDS:
            fault = fault or "slow"
        if peak - before > MAX_GROWTH_MB:
            fault = fault or "memory"
        if seconds > self._tally.slowest:
            self._tally.slowest, self._tally.slowest_bytes = seconds, len(data)
        self._tally.executions += 1
        self._tally.peak_mb = peak
        if fault:
            self._keep(fault, data)
        if time.monotonic() > self._noted + _NOTE_EVERY:
            self._noted = time.monotonic()
            (self._out / "tally.json").write_text(json.dumps(asdict(self._tally)))

    def _keep(self, fault: str, data: bytes) -> None:
        first = fault not in self._tally.crashes
        self._tally.crashes[fault] = self._tally.crashes.get(fault, 0) + 1
        place = self._out / f"fault-{sha256(fault.encode()).hexdigest()[:12]}"
        if first or len(data) < place.stat().st_size:
            place.write_bytes(data)
            place.with_suffix(".txt").write_text(fault)


def _fault(target: Target, path: Path, folder: str) -> str:
    """Return what is wrong with how the reader takes the file; nothing if all is well."""
    from pose_lib.errors import InputError

    try:
        target.read(path)
    except InputError as error:
        message = str(error)
        if folder not in message:
            return f"does not name the file: {message.replace(folder, '')[:60]}"
        return "" if message.isprintable() else "not one line"
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # whatever else comes is a fault of the reader
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "pose_lib" in frame.filename] or frames
        return f"{type(error).__name__} in {Path(ours[-1].filename).name}:{ours[-1].lineno}"
    return ""


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _table(tallies: dict[str, Tally]) -> str:
    head = ("reader", "executions", "edges", "crashes", "slowest input", "peak memory")
    rows = [
        (
            name,
            f"{tally.executions:,}",
            f"{tally.edges:,}",
            str(sum(tally.crashes.values())),
            f"{tally.slowest:.2f} s ({tally.slowest_bytes:,} bytes)",
            f"{tally.peak_mb} MB",
        )
        for name, tally in tallies.items()
    ]
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
