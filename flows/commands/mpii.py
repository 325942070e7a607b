"""The commands `mpii`, which audits annotations, and `select`, which can select people by them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Annotations, Json, LockTimeout, Store, person_selection
from flows.console import say, show_summary, show_table

if TYPE_CHECKING:
    from pose_lib.datasets.mpii_audit import MpiiAudit


def mpii(
    file: Annotated[
        Path, typer.Argument(help="MPII's mpii_human_pose_v1_u12_1.mat.", metavar="FILE.mat")
    ],
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of the images, to see which are missing.", metavar="DIR"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for audit.json and lists of images for `poselift extract`.", metavar="DIR"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what MPII's annotations hold.

    Counts images and people, who is kept and who is not and why: for training and testing, and by
    how near the people of a picture stand to each other.
    """
    from pose_lib.datasets.mpii_audit import audit_mpii, audit_table, write_audit
    from pose_lib.datasets.mpii_release import read_mpii_release
    from pose_lib.images.source import image_sizes

    release = read_mpii_release(file)
    audit = audit_mpii(release, image_sizes(images, release.people.filename) if images else None)
    written = write_audit(audit, out, images) if out else []
    if as_json:
        print(json.dumps(audit_table(audit) | {"written": [str(path) for path in written]}))
        return
    _show_audit(audit)
    if written:
        show_summary("Written", {path.name: path for path in written})


def _show_audit(audit: "MpiiAudit") -> None:
    groups = {group: counts for group, counts in audit.counts.items() if counts["images"]}
    rows = [
        (name.replace(" ", "\u00a0"), *numbers, sum(numbers))  # which no narrow terminal wraps
        for name in next(iter(audit.counts.values()))
        if any(numbers := [counts[name] for counts in groups.values()])
    ]
    print(f"\nMPII {audit.version}, {audit.activities} activities\n")
    show_table(("", *groups, "all"), rows)
    if audit.missing:
        shown = ", ".join(audit.missing[:5]) + (", ..." if len(audit.missing) > 5 else "")
        print(f"\n{len(audit.missing)} images are missing: {shown}")


def select(
    store: Store,
    rule: Annotated[
        str,
        typer.Option(
            "--select",
            help="Who in each image is used further on: all, largest, score, central or annotated.",
            metavar="RULE",
        ),
    ],
    annotations: Annotations = None,
    lock_timeout: LockTimeout = None,
    as_json: Json = False,
) -> None:
    """Select who of the people found is used further on.

    Exports, training and lifting use the selected people. All stay in the store: select again at
    any time, without the images.
    """
    from pose_lib.extract_config import ExtractConfig
    from pose_lib.recorded_config import record_selection
    from pose_lib.store import choose_again, read_choice
    from tasks.runtime.progress import lines_to
    from tasks.store_lock import exclusive_lock

    selection = person_selection(rule, annotations)
    read_choice(store)  # what is no store is told before anything is made
    timeout = ExtractConfig().lock_timeout if lock_timeout is None else lock_timeout
    with lines_to(say), exclusive_lock(store, timeout, "poselift select"):
        choose_again(store, selection)
        record_selection(store, selection)
    record = read_choice(store)
    if as_json:
        print(json.dumps(record))
    else:
        chosen = f"{record['chosen']} of {record['of']} people"
        known = {name: value for name, value in record.items() if value and name != "of"}
        show_summary(f"{store}", known | {"chosen": chosen})
