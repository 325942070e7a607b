"""MPII's audit on disk: the names of each group's images, and the numbers."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pose_lib.formats.whole_file import write_whole
from pose_lib.mpii_audit import MpiiAudit

AUDIT_FILE = "audit.json"
MISSING_FILE = "missing.txt"


def write_audit(audit: MpiiAudit, folder: Path, images: Path | None = None) -> list[Path]:
    """Write a list of images for each group with people, and ``audit.json``; return the files.

    Args:
        images: Where the images are. Names are relative to the lists then, so that a list can be
            given to `find_images`; without it they are MPII's own, fit for a list among the images.
    """
    written = [folder / AUDIT_FILE]
    write_whole(folder / AUDIT_FILE, json.dumps(audit_table(audit), indent=1).encode())
    lists = {
        f"{group.replace(' ', '_')}.txt": names
        for group, names in audit.images.items()
        if not group.endswith("nobody")
    }
    for name, names in lists.items():
        lines = [_relative(images, folder) + image for image in names]
        written.append(_write_lines(folder / name, lines))
    if images is not None:
        written.append(_write_lines(folder / MISSING_FILE, audit.missing))
    return written


def audit_table(audit: MpiiAudit) -> dict[str, Any]:
    """Return the audit as plain values without the names, of which only the missing ones stay."""
    table = asdict(audit)
    return {key: table[key] for key in ("version", "activities", "counts", "missing")}


def _relative(images: Path | None, folder: Path) -> str:
    if images is None:
        return ""
    relative = Path(os.path.relpath(images.resolve(), folder.resolve())).as_posix()
    return "" if relative == "." else f"{relative}/"


def _write_lines(path: Path, lines: "list[str] | tuple[str, ...]") -> Path:
    write_whole(path, "".join(f"{line}\n" for line in lines).encode())
    return path
