"""An MLflow server that goes away while a training tells it its losses."""

import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from mlflow import MlflowClient

from fault_injection.report import Row
from fault_injection.sandbox import Run, World
from fault_injection.service_faults import server
from flows.local.servers import free_port
from pose_lib.datasets.sample import sample_poses
from tasks.mlflow_tracking.journal import JOURNAL_FILE
from tasks.runtime.workspace import HOME_VARIABLE

_SECONDS_AWAY = 15.0
_CONFIG = """
[train.gan]
n_generators = 2
steps = 400
batch = 32
width = 32
cycle_warmup_steps = 40
[train.distill]
steps = 400
batch = 32
width = 32
[train.diagnostics]
stop = false  # so small a GAN is never well
"""

_Points = dict[str, list[tuple[int, float]]]


def stop_mlflow(world: World, kills: int, seed: int) -> Iterable[Row]:  # noqa: ARG001 - all alike
    """Kill the MLflow server in the middle of a training, and start it again after a while."""
    row = Row(f"the MLflow server gone for {_SECONDS_AWAY:.0f} s, in points of curves", tried=1)
    row.recovered_by = "a journal on disk, sent later"
    config = world.folder / "training.toml"
    config.write_text(_CONFIG)
    points = {}
    for name, seconds in (("undisturbed", 0.0), ("disturbed", _SECONDS_AWAY)):
        home = world.folder / f"training-{name}"
        home.mkdir()
        points[name] = _trained(world, row, home, config, seconds)
    lost, doubled = _difference(points["undisturbed"], points["disturbed"])
    row.lost, row.doubled = lost, doubled
    row.hits = {"points": sum(map(len, points["disturbed"].values()))}
    row.expect(row.hits["points"] > 0, "no curve was told")
    yield row


def _trained(world: World, row: Row, home: Path, config: Path, seconds_away: float) -> _Points:
    """Train with an MLflow server that is away for so long; return what that knows then."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = ["mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{home / 'server.db'}"]
    command += ["--artifacts-destination", str(home / "artifacts")]
    variables = {HOME_VARIABLE: str(home), "MLFLOW_TRACKING_URI": url}
    training = ["train", str(sample_poses()), "--config", str(config)]
    with ExitStack() as stack:
        with server(command, f"{url}/health", variables):
            run = stack.enter_context(world.running(*training, **variables))
            run.wait_for(lambda: _has_told(home), 300)
            if not seconds_away:
                return _finished(row, run, url)
        time.sleep(seconds_away)
        row.expect(run.process.poll() is None, f"it ended without the server: {run.last_line}")
        with server(command, f"{url}/health", variables):
            return _finished(row, run, url)


def _finished(row: Row, run: Run, url: str) -> _Points:
    row.expect(run.end() == 0, run.last_line)
    run.expect_no_process(row)
    client = MlflowClient(url)
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
    row.state = ", ".join(sorted({each.info.status for each in runs}))
    return {
        f"{each.data.tags.get('mlflow.runName')} {key}": [
            (point.step, point.value) for point in client.get_metric_history(each.info.run_id, key)
        ]
        for each in runs
        for key in each.data.metrics
        if "seconds" not in key
    }


def _has_told(home: Path) -> bool:
    journals = home.rglob(JOURNAL_FILE)
    return any(path.stat().st_size > 4096 for path in journals)


def _difference(one: Mapping[str, list], other: Mapping[str, list]) -> tuple[int, int]:
    """Count the points that the other lacks, and those that it has too many."""
    lost = sum(len(set(points) - set(other.get(name, []))) for name, points in one.items())
    doubled = sum(len(points) - len(set(points)) for points in other.values())
    return lost, doubled
