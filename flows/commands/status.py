"""The commands about what became of the images: `status` tells, `retry` tries again."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import (
    Cluster,
    ConfigFile,
    Json,
    LockTimeout,
    MaxFailureRate,
    Store,
    Workers,
    pipeline_settings,
    place,
    with_limits,
)
from flows.console import rounded, say, show_summary, show_table
from flows.session import session_with_workers

if TYPE_CHECKING:
    from pose_lib.files.locations import Location
    from pose_lib.store.ledger import Ledger
    from pose_lib.store.lock import Holder
    from pose_lib.store.read import StoreStatus
    from tasks.retry import Retried

_MOST_KINDS = 15
"""So many kinds of reasons are shown; beyond them it is the list of files that helps."""


def status(
    store: Store,
    as_json: Json = False,
    failed: Annotated[
        bool,
        typer.Option(
            "--failed",
            help="List the unreadable and failed images, one a line: name, status, reason.",
        ),
    ] = False,
    table: Annotated[
        Path | None,
        typer.Option("--csv", help="Write a table of all images to this file.", metavar="FILE"),
    ] = None,
) -> None:
    """Show what became of every image, and why.

    While a run writes to the store: how far it is, and which process on which machine it is.
    """
    from pose_lib.store.read import store_status

    found = store_status(store)
    if table is not None:
        _write_csv(found, table, store)
    if as_json:
        print(json.dumps(_as_json(found)))
    elif failed:
        _list_faults(found, store)
    elif table is None:
        _show(found, store)


def retry(
    store: Store,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Where the images are now, if their folder moved.", metavar="DIR", parser=place
        ),
    ] = None,
    config: ConfigFile = None,
    max_failure_rate: MaxFailureRate = None,
    lock_timeout: LockTimeout = None,
    workers: Workers = None,
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Try the unreadable and failed images of a store again.

    No other image is looked at. Settings are the store's; --config may change those that are no
    part of its identity, such as the limit on pixels.
    """
    from pose_lib.recorded_config import recorded_settings
    from tasks.checks import check_retry

    settings = pipeline_settings(config).extract if config else recorded_settings(store)
    settings = with_limits(settings, max_failure_rate, lock_timeout)
    check_retry(store, settings, images)
    with session_with_workers(workers, cluster):
        from flows.retry import retry_failed

        retried = retry_failed(store, images, settings)
    if as_json:
        print(json.dumps(asdict(retried) | {"mended": retried.mended}))
    else:
        _show_retried(retried, store)


def _as_json(found: "StoreStatus") -> dict[str, Any]:
    """Return all that is known; of a store never published, what is done so far."""
    shared: dict[str, Any] = {
        "published": found.ledger is not None,
        "done": found.done,
        "holder": asdict(found.holder) if found.holder else None,
    }
    if found.ledger is None:
        counts = found.done or {}
        return {"images": sum(counts.values()), "people": None, **counts, "reasons": [], **shared}
    from pose_lib.store.ledger_summary import effort, faulty_rows, reason_groups

    ledger = found.ledger
    reasons = [
        {"filename": ledger.filename[row], "reason": ledger.reason[row]}
        for row in faulty_rows(ledger)
    ]
    return {
        **{"images": ledger.n_images, "people": ledger.n_people, **ledger.counts()},
        "reasons": reasons,
        "reason_groups": [asdict(group) for group in reason_groups(ledger)],
        **asdict(effort(ledger)),
        **shared,
    }


def _show(found: "StoreStatus", store: "Location") -> None:
    if found.ledger is not None:
        _show_ledger(found.ledger, store)
    if found.holder is not None:
        _show_holder(found.holder, found.done or {})
    elif found.ledger is None:
        counts = found.done or {}
        show_summary(f"{store} is not finished", {"done so far": sum(counts.values()), **counts})
        print("\nNobody works on it: run the command that began it again, it goes on.")


def _show_ledger(ledger: "Ledger", store: "Location") -> None:
    from pose_lib.store.ledger_summary import effort, faulty_rows

    took = effort(ledger)
    most = f" (up to {took.most_attempts} for one image)" if took.most_attempts > 1 else ""
    facts = {
        "images": ledger.n_images,
        "people": ledger.n_people,
        "attempts": f"{took.attempts}{most}",
        "seconds": f"{took.seconds:.1f} (median {took.median_seconds:.3f})",
    }
    show_summary(f"{store}", facts)
    print()
    _show_counts(ledger.counts())
    if faulty_rows(ledger):
        _show_reasons(ledger)
        print(f"\nposelift status {store} --failed lists them; poselift retry {store} tries again")


def _show_counts(counts: Mapping[str, int]) -> None:
    total = max(sum(counts.values()), 1)
    show_table(
        ("status", "images", "share"),
        [(label, count, f"{count / total:.1%}") for label, count in counts.items()],
    )


def _show_reasons(ledger: "Ledger") -> None:
    from pose_lib.store.ledger_summary import reason_groups

    groups = reason_groups(ledger)
    print("\nImages that gave nothing\n")
    show_table(
        ("images", "status", "reason, such as", "first image"),
        [
            (group.count, group.status, _line(group.reason), _line(group.example))
            for group in groups[:_MOST_KINDS]
        ],
    )
    if len(groups) > _MOST_KINDS:
        rest = sum(group.count for group in groups[_MOST_KINDS:])
        print(f"and {rest} more for {len(groups) - _MOST_KINDS} other reasons")


def _show_holder(holder: "Holder", done: Mapping[str, int]) -> None:
    facts: dict[str, object] = {"who": holder}
    if holder.total:
        facts["done"] = f"at least {holder.done} of {holder.total} images"
    facts["finished contents"] = f"{sum(done.values())} ({_counted(done)})"
    show_summary("Being written now", facts)


def _list_faults(found: "StoreStatus", store: "Location") -> None:
    from pose_lib.errors import InputError
    from pose_lib.keypoints import ImageStatus
    from pose_lib.store.ledger_summary import faulty_rows

    if found.ledger is None:
        raise InputError(f"{store} is not published yet; poselift status {store} shows how far")
    ledger = found.ledger
    rows = faulty_rows(ledger)
    for row in rows:
        label = ImageStatus(int(ledger.status[row])).label
        print(f"{_line(ledger.filename[row])}\t{label}\t{_line(ledger.reason[row])}")
    if rows:
        say(f"{len(rows)} of {ledger.n_images} images; poselift retry {store} tries them again")
    else:
        say("no image is unreadable or failed")


def _write_csv(found: "StoreStatus", file: Path, store: "Location") -> None:
    from pose_lib.errors import InputError
    from pose_lib.files.atomic_write import write_atomic
    from pose_lib.store.ledger_csv import ledger_csv

    if found.ledger is None:
        raise InputError(f"{store} is not published yet; there is no table to write to {file}")
    write_atomic(file.absolute(), ledger_csv(found.ledger).encode())
    say(f"{found.ledger.n_images} images written to {file}")


def _show_retried(retried: "Retried", store: "Location") -> None:
    if not retried.became:
        print(f"\nNo image of {store} was unreadable or failed.")
        return
    groups = {f"{before} before": _counted(now) for before, now in retried.became.items()}
    show_summary(f"{store}", {"mended": retried.mended, **groups})
    if retried.ledger.reasons:
        faults = {_line(name): _line(reason) for name, reason in retried.ledger.reasons}
        show_summary("Images that still gave nothing", faults)


def _counted(counts: Mapping[str, int]) -> str:
    shown = [f"{count} {label}" for label, count in rounded(counts).items() if count]
    return ", ".join(shown) or "none"


def _line(text: str) -> str:
    """Return the text without what would start a new line or move the cursor."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
