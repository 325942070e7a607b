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
SERVERS = {"PREFECT_API_URL", "PREFECT_HOME", "MLFLOW_TRACKING_URI"}


@dataclass
class Place:
    """A folder where commands run.

    Attributes:
        environment: Marks all processes of this place, and names no server unless a test does.
        n_images: How many there are in ``pictures``.
    """

    folder: Path
    environment: dict[str, str]
    n_images: int = 0

    @property
    def store(self):
        return self.folder / "out" / "keypoints.zarr"

    def extract(self, **environment):
        """Start the extraction, by relative paths."""
        command = "extract pictures --store out/keypoints.zarr --config config.toml --json"
        return self.poselift(command, **environment)

    def poselift(self, command, *more, **environment):
        words = [*command.split(), *map(str, more)]
        return self.start(sys.executable, "-m", "flows.cli", *words, **environment)

    def start(self, *command, folder=None, **environment):
        log = self.folder / f"{len(list(self.folder.glob('*.log')))}.log"
        with log.open("wb") as err, log.with_suffix(".out").open("wb") as out:
            process = subprocess.Popen(
                command,
                cwd=folder or self.folder,
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        return Started(process, log)


@dataclass
class Started:
    """A process, and the file of what it tells people on stderr."""

    process: subprocess.Popen
    log: Path

    @property
    def printed(self):
        return self.log.read_text()

    @property
    def out(self):
        """What it printed on stdout."""
        return self.log.with_suffix(".out").read_text()

    def wait_for(self, pattern, *, seconds=300):
        """Wait until something is printed."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.printed + self.out):
            assert self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.printed}"
            time.sleep(0.05)

    def end(self, number=None, *, seconds=240):
        """Wait for the end, which a signal may bring about; return the exit status.

        However a command ends, its users are told in lines of their own and never by a traceback.
        """
        if number is not None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"still running: {self.printed}") from None
        assert "Traceback" not in self.printed
        return status


def command_place(folder):
    """Make a place whose working folder is its own."""
    environment = {name: value for name, value in os.environ.items() if name not in SERVERS}
    own = {"PYTHONPATH": str(CHECKOUT), HOME_VARIABLE: str(folder / "home")}
    return Place(folder, environment | marked() | own | {"POSELIFT_WORKERS": "2"})


def steady_place(folder, *, n_images=40, seconds=0.25):
    """Make a place with a folder of pictures of which each takes the seconds."""
    place = command_place(folder)
    place.n_images = n_images
    steady_detector.make_pictures(folder / "pictures", n_images)
    (folder / "config.toml").write_text(CONFIG)
    packages = steady_detector.install(folder / "packages")
    place.environment["PYTHONPATH"] = os.pathsep.join([str(packages), str(CHECKOUT)])
    place.environment[steady_detector.SECONDS] = str(seconds)
    return place
