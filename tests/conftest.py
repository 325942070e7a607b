"""How the tests share processes, and where they find data that a stranger's clone does not have."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of tiny networks, threads take thrice the time

WITHOUT_THE_SERVER = {
    "test_orphaned_runs.py",
    "test_outages.py",
    "test_runner.py",
    "test_settings.py",
    "test_supervisor.py",
}
"""Files of ``tests/flows`` whose tests need no Prefect server, or start one of their own."""

SHARED = Path(__file__).parents[2] / "shared"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Have one process run all flows that share a Prefect server; keep other files in one piece."""
    from xdist.scheduler import LoadFileScheduling

    class _ByServer(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = Path(nodeid.partition("::")[0])
            shares = path.is_relative_to("tests/flows") and path.name not in WITHOUT_THE_SERVER
            return "the Prefect server" if shares else str(path)

    return _ByServer(config, log)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of development data beside the checkout."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the development data in ../shared, which a clone alone does not have")
    return SHARED


@pytest.fixture
def annotated_store(tmp_path: Path) -> Path:
    """A store of two made-up people; beside it ``images`` and ``truth.json``, their annotations."""
    from made_up_store import make_annotated_store  # not before the annotations are checked

    return make_annotated_store(tmp_path)


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """A file of made-up 3D truth, to score lifters against."""
    from made_up_truth import make_truth

    return make_truth(tmp_path / "truth.npz")
