"""Servers that go away for a while: the Dask scheduler, Prefect, MLflow and S3."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from fault_injection.compare import judge
from fault_injection.process_faults import SLOW, begun, kill_at_random
from fault_injection.report import Row
from fault_injection.sandbox import World
from flows.local.servers import free_port
from pose_lib.files.locations import location
from tests.processes.s3_server import Outage, s3_server

_FAILED = 1
_SECONDS_AWAY = 30.0
_SECONDS_WITHOUT_S3 = 8.0


def kill_scheduler(world: World, kills: int, seed: int) -> Iterable[Row]:  # noqa: ARG001 - alike
    """Kill a scheduler that runs on its own; its workers too, for they serve no other one."""
    row = Row("the scheduler killed", tried=1, recovered_by="a new one, the same command again")
    images, config = world.small_shards()
    store = world.folder / "scheduler.zarr"
    with scheduler(world) as (address, process):
        place = {"POSELIFT_DASK_ADDRESS": address}
        with world.extracting(images, store, config, **place, **SLOW) as run:
            run.wait_for(lambda: begun(store))
            process.kill()
            status = run.end()
            told = status == _FAILED and "run the same command again" in run.last_line
            row.expect(told, f"it ended with {status}: {run.last_line}")
            run.expect_no_process(row)
    with scheduler(world) as (address, _):
        place = {"POSELIFT_DASK_ADDRESS": address}
        with world.extracting(images, store, config, **place) as run:
            row.expect(run.end() == 0, run.last_line)
    world.judge(row, images, store, config)
    yield row


def stop_prefect(world: World, kills: int, seed: int) -> Iterable[Row]:  # noqa: ARG001 - alike
    """Kill the Prefect server for 30 s in the middle of a run, and start it again."""
    row = Row(f"the Prefect server gone for {_SECONDS_AWAY:.0f} s", tried=1)
    row.recovered_by = "the run, which waits for it"
    images, config = world.small_shards()
    undisturbed, store = world.undisturbed(images, config), world.folder / "prefect.zarr"
    home, port = world.folder / "prefect-of-its-own", free_port()
    url = f"http://127.0.0.1:{port}/api"
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    variables = {"PREFECT_HOME": str(home), "PREFECT_API_URL": url}
    with contextlib.ExitStack() as stack:
        with server(command, f"{url}/health", variables):
            extracting = world.extracting(images, store, config, **variables, **SLOW)
            run = stack.enter_context(extracting)
            run.wait_for(lambda: begun(store))
        time.sleep(_SECONDS_AWAY)
        with server(command, f"{url}/health", variables):
            row.expect(run.end() == 0, run.last_line)
            run.expect_no_process(row)
            row.state = world.state(store, url)
    row.add(judge(store, undisturbed))
    yield row


def kill_workers_on_s3(world: World, kills: int, seed: int) -> Iterable[Row]:
    """Kill workers whose store is on a real S3 server, then take that server away for a while."""
    row = Row("a worker killed, the store on S3", recovered_by="Dask starts workers, shards go on")
    away = Row(f"the S3 server away for {_SECONDS_WITHOUT_S3:.0f} s", tried=1)
    away.recovered_by = "the workers, which ask again"
    images, config = world.some_images, world.config("s3", images_per_shard=20, images_per_batch=5)
    with s3_server() as s3:
        outage = Outage(s3.url)
        place = {**s3.environment, "AWS_ENDPOINT_URL": outage.url}
        with variables_set(place):
            import s3fs

            s3fs.S3FileSystem().mkdir("faults")
            killed, interrupted = location("s3://faults/k.zarr"), location("s3://faults/o.zarr")
            slow = {**place, **SLOW}
            with world.extracting(images, killed, config, **slow) as run:
                run.wait_for(lambda: begun(killed))
                row.tried = kill_at_random(run, max(kills // 20, 3), random.Random(seed), 3.0)
                row.expect(run.end() == 0, run.last_line)
                run.expect_no_process(row)
            world.judge(row, images, killed, config)
            row.state = "published"  # Prefect names no run by a URL; the judge has read the store
            yield row
            with world.extracting(images, interrupted, config, **slow) as run:
                run.wait_for(lambda: begun(interrupted))
                outage.begin()
                time.sleep(_SECONDS_WITHOUT_S3)
                outage.end()
                away.expect(run.end() == 0, run.last_line)
            world.judge(away, images, interrupted, config)
            away.state = "published"
            yield away


@contextmanager
def scheduler(world: World) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Have a Dask scheduler and two workers, separate processes, for the block."""
    port, folder = str(free_port()), world.folder / "dask"
    address, variables = f"tcp://127.0.0.1:{port}", world.variables
    here = ["--host", "127.0.0.1", "--no-dashboard"]
    worker = ["distributed.cli.dask_worker", address, "--nthreads", "1", *here]
    worker += ["--local-directory", str(folder), "--death-timeout", "60"]
    with (
        started(["distributed.cli.dask_scheduler", "--port", port, *here], variables) as process,
        started(worker, variables),
        started(worker, variables),
    ):
        yield address, process


@contextmanager
def started(
    command: Sequence[str], variables: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Have a Python module running in the block, at whose end it is killed with all it started."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def server(command: Sequence[str], health: str, variables: Mapping[str, str]) -> Iterator[None]:
    """Have a server running in the block, at whose end it is killed."""
    with started(command, variables):
        wait_until_healthy(health)
        yield


def wait_until_healthy(url: str, seconds: float = 180) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.2)
    raise TimeoutError(f"no answer from {url} in {seconds:.0f} s")


@contextmanager
def variables_set(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables of this process for the block."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
