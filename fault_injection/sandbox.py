"""Where the faults happen: a folder with pictures, a Prefect server, and runs of `poselift`."""

import functools
import json
import os
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from fault_injection.compare import Content, judge, read_content
from fault_injection.pictures import make_pictures
from fault_injection.report import Row
from fault_injection.stub_detector import NAME, installed
from flows.local.servers import OFFLINE, QUIET, free_port, prefect_server
from pose_lib.files.locations import Location
from tasks.runtime.workspace import HOME_VARIABLE, Workspace

MARK = "POSELIFT_FAULTS_MARK"
"""Environment variable that all processes of a run inherit."""

LONGEST = 600.0
"""Seconds after which a run is taken to hang."""

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class World:
    """A folder for all that happens, and what its runs have in common.

    Attributes:
        own_variables: Environment of the runs, but for Prefect's.
        until_the_end: What is started when it is first needed.
        given_prefect: URL of a Prefect API, where there is one already.
        made: Contents of stores that nothing happened to.
    """

    folder: Path
    own_variables: Mapping[str, str]
    until_the_end: ExitStack
    given_prefect: str = ""
    made: dict[str, Content] = field(default_factory=dict)

    @functools.cached_property
    def prefect(self) -> str:
        """URL of the Prefect API that all runs use, of a server as a user may have one."""
        starting = prefect_server(self._workspace, free_port())
        return self.given_prefect or self.until_the_end.enter_context(starting)

    @property
    def variables(self) -> dict[str, str]:
        """Environment of the runs."""
        prefect = {"PREFECT_HOME": str(self._workspace.prefect_home)}
        return {**self.own_variables, **prefect, "PREFECT_API_URL": self.prefect}

    @property
    def _workspace(self) -> Workspace:
        return Workspace(self.folder / "home")

    @property
    def few_images(self) -> Path:
        return self._images("few", 60)

    @property
    def some_images(self) -> Path:
        return self._images("some", 200)

    @property
    def many_images(self) -> Path:
        return self._images("many", 2000)

    def config(self, name: str, **settings: Any) -> Path:
        """Write settings of the extraction; the stand-in detector is used unless they say else."""
        path = self.folder / f"{name}.toml"
        values = {"detector": NAME, **settings}
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        path.write_text("[extract]\n" + "\n".join(lines) + "\n")
        return path

    def small_shards(self) -> tuple[Path, Path]:
        """Return many images, and settings by which they are many pieces of work."""
        lengths = {"images_per_shard": 50, "images_per_batch": 10}
        return self.many_images, self.config("small-shards", **lengths)

    def undisturbed(self, images: Path, config: Path) -> Content:
        """Return the content of a store that nothing happened to."""
        key = f"{images.name}-{config.stem}"
        if key not in self.made:
            store = self.folder / f"undisturbed-{key}.zarr"
            with self.extracting(images, store, config) as run:
                if status := run.end():
                    raise RuntimeError(f"ended with {status}: {run.output[-2000:]}")
            self.made[key] = read_content(store)
        return self.made[key]

    def judge(self, row: Row, images: Path, store: Location, config: Path, where: str = "") -> None:
        """Note how the last run on a store ended, and what is wrong with the store."""
        row.state = self.state(store)
        row.add(judge(store, self.undisturbed(images, config)), where)

    @contextmanager
    def extracting(
        self,
        images: Path,
        store: Location,
        config: Path,
        *,
        inside: Sequence[str] = (),
        **variables: str,
    ) -> Iterator["Run"]:
        """Have `poselift extract` running in the block.

        Args:
            inside: A command that runs the one behind it, under some restriction.
        """
        command = ["extract", str(images), "--store", str(store), "--config", str(config)]
        with self.running(*command, inside=inside, **variables) as run:
            yield run

    @contextmanager
    def running(
        self, *arguments: str, inside: Sequence[str] = (), **variables: str
    ) -> Iterator["Run"]:
        """Have a `poselift` command running in the block; whatever is left of it then is killed."""
        mark = uuid.uuid4().hex
        log = self.folder / f"run-{mark}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*inside, sys.executable, "-m", "flows.cli", *arguments],
                env={**self.variables, **variables, MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        run = Run(process, mark, log)
        try:
            yield run
        finally:
            for left in run.processes():
                with suppress(psutil.NoSuchProcess):
                    left.kill()
            process.wait()

    def state(self, store: Location, api: str = "") -> str:
        """Return the state of the latest flow run on a store, as Prefect's server tells it."""
        runs = self.flow_runs(store, api)
        return runs[0]["state_name"] if runs else "unknown"

    def flow_runs(self, store: Location, api: str = "") -> list[dict[str, Any]]:
        """Return the flow runs on a store, the latest first."""
        query = json.dumps({"sort": "START_TIME_DESC", "limit": 200}).encode()
        request = urllib.request.Request(
            f"{api or self.prefect}/flow_runs/filter",
            query,
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            runs = json.load(answer)
        return [run for run in runs if str(run["parameters"].get("store")) == str(store)]

    def _images(self, name: str, count: int) -> Path:
        folder = self.folder / name
        return folder if folder.exists() else make_pictures(folder, count, seed=count)


class Run:
    """A `poselift` command in processes of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]", mark: str, log: Path) -> None:
        self.process, self._mark, self._log = process, mark, log

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def last_line(self) -> str:
        return (self.output.strip().splitlines() or [""])[-1]

    def processes(self) -> list[psutil.Process]:
        """Return all processes of the run that are there."""
        everything = psutil.process_iter(["environ", "cmdline", "status"])
        alive = [each for each in everything if each.info["status"] != psutil.STATUS_ZOMBIE]
        return [each for each in alive if (each.info["environ"] or {}).get(MARK) == self._mark]

    def workers(self) -> list[psutil.Process]:
        """Return the Dask workers of the run."""
        return [each for each in self.processes() if "spawn_main" in " ".join(each.cmdline())]

    def wait_for(self, happened: Callable[[], object], seconds: float = 120) -> bool:
        """Wait until something happened; False if the run ended before."""
        deadline = time.monotonic() + seconds
        while not happened():
            if self.process.poll() is not None:
                return False
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing happened for {seconds:.0f} s: {self.output[-500:]}")
            time.sleep(0.05)
        return True

    def end(self) -> int:
        """Wait for the end; return the exit status."""
        return self.process.wait(LONGEST)

    def expect_no_process(self, row: Row, seconds: float = 15) -> None:
        """Note the processes that outlive the run by so long."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        for process in left:
            row.expect(False, f"left over: {' '.join(process.info['cmdline'] or [])}")


@contextmanager
def world(folder: Path, *, prefect: str = "") -> Iterator[World]:
    """Have the stand-in detector for the block, and whatever servers are needed in it.

    Args:
        prefect: URL of a Prefect API to use; a server is started where one is needed by default.
    """
    package = str(installed(folder / "packages"))
    sys.path.append(package)  # for processes that are forked from this one's
    variables = {
        **os.environ,
        **OFFLINE,
        **QUIET,
        HOME_VARIABLE: str(folder / "home"),
        "PYTHONPATH": os.pathsep.join((str(REPOSITORY), package)),
        "POSELIFT_WORKERS": "2",
        "OMP_NUM_THREADS": "1",
    }
    try:
        with ExitStack() as until_the_end:
            yield World(folder, variables, until_the_end, prefect)
    finally:
        sys.path.remove(package)
