"""The whole ledger of a store, kept with a training."""

from prefect import task

from pose_lib.formats.keypoint_store import read_ledger
from pose_lib.formats.ledger_csv import LEDGER_FILE, ledger_csv
from pose_lib.formats.locations import Location
from tasks.patience import PATIENT
from tasks.tracking import connect


@task(name="log-ledger", **PATIENT)
def log_ledger(store: Location, run_id: str) -> None:
    """Keep what became of every image with the MLflow run of the lifter trained on them.

    A training is asked years later what it was made of; the store may be gone by then. Extraction
    alone logs nothing: its ledger is in the store, to which a copy in MLflow adds no fact, and the
    first contact with MLflow takes seconds, a server, and the patience to wait for one that is
    away. `poselift status --csv` gives the same table.
    """
    connect().log_text(run_id, ledger_csv(read_ledger(store)), LEDGER_FILE)
