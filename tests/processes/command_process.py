"""The command line as a process of its own, doing work that takes as long as a test needs."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import steady_detector
from left_over import marked

from tasks.runtime.workspace import HOME_VARIABLE

CHECKOUT = Path(__file__).parents[2]
CONFIG = '[extract]\ndetector = "steady"\nimages_per_shard = 4\n'


@dataclass
class Place:
    """A folder with pictures, where commands run."""

    folder: Path
    environment: dict[str, str]
    n_images: int

    @property
    def store(self):
        return self.folder / "out" / "keypoints.zarr"

    def extract(self, **environment):
        """Start the extraction, by relative paths, into a log."""
        command = "extract pictures --store out/keypoints.zarr --config config.toml --json"
        return self.start(sys.executable, "-m", "flows.cli", *command.split(), **environment)

    def start(self, *command, folder=None, **environment):
        log = self.folder / f"{len(list(self.folder.glob('*.log')))}.log"
        process = subprocess.Popen(
            command,
            cwd=folder or self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return Started(process, log)


@dataclass
class Started:
    """A process, and the file of all it prints."""

    process: subprocess.Popen
    log: Path

    @property
    def printed(self):
        return self.log.read_text()

    def wait_for(self, pattern, *, seconds=120):
        """Wait until something is printed."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.printed):
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.printed}"
            time.sleep(0.05)

    def end(self, *, seconds=240):
        """Wait for the end, and return the exit status and what was printed."""
        try:
            return self.process.wait(seconds), self.printed
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"still running: {self.printed}") from None


def make_place(folder, *, n_images=40, seconds=0.25):
    """Make a folder of pictures of which each takes the seconds."""
    steady_detector.make_pictures(folder / "pictures", n_images)
    (folder / "config.toml").write_text(CONFIG)
    path = [str(steady_detector.install(folder / "packages")), str(CHECKOUT)]
    environment = {
        **os.environ,
        **marked(),
        "PYTHONPATH": os.pathsep.join(path),
        HOME_VARIABLE: str(folder / "home"),
        "POSELIFT_WORKERS": "2",
        steady_detector.SECONDS: str(seconds),
    }
    return Place(folder, environment, n_images)
