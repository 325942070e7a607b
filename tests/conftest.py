"""Where the tests find data that a stranger's clone does not have."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of tiny networks, threads take thrice the time

SHARED = Path(__file__).parents[2] / "shared"


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
