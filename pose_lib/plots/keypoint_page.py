"""A report of how good found keypoints are: its figures, what is to be known, and its page."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from html import escape
from string import Template

from matplotlib.figure import Figure

from pose_lib.evaluation.keypoint_metrics import HEAD_OF_SEGMENT
from pose_lib.evaluation.keypoint_report import KeypointReport
from pose_lib.keypoints import Keypoints
from pose_lib.plots.gallery import ReadPicture
from pose_lib.plots.keypoint_curves import (
    in_body_order,
    joints_figure,
    kinds_of_joints,
    pckh_figure,
    precision_recall_figure,
    words,
)
from pose_lib.plots.worst_images import ShownImage, worst_figure

FIGURES = {
    "pckh": "PCKh by the distance allowed",
    "precision_recall": "Precision and recall by OKS",
    "joints": "Every joint",
    "worst": "The worst pictures",
}
"""What a report shows, and the line above it."""

MOST_WORST = 12
_MOST_NAMES = 20

_CARDS = {
    "pckh50": "PCKh@0.5",
    "pckh_auc": "PCKh AUC",
    "oks_ap": "OKS AP",
    "oks_ap50": "AP at OKS 0.50",
    "oks_ap75": "AP at OKS 0.75",
    "oks_ar": "OKS AR",
    "mean_oks": "mean OKS",
    "images": "images",
    "people": "people annotated",
    "found": "of them found",
    "false_positives": "found beside them",
}
_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2429; max-width: 72rem;
  margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin-bottom: 1.25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .6rem; }
ul { list-style: none; padding: 0; display: grid; gap: .6rem;
  grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); }
li { border: 1px solid #e1e5e9; border-radius: .5rem; padding: .6rem .8rem; color: #4a5259;
  font-size: .85rem; }
li b { display: block; font-size: 1.5rem; line-height: 1.3; color: #1f2429;
  font-variant-numeric: tabular-nums; }
p { color: #4a5259; margin: .4rem 0; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .9rem; text-align: right; border-bottom: 1px solid #e6e9ec; }
th { color: #4a5259; font-weight: 600; font-size: .85rem; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
</style></head><body>
<h1>$title</h1>
<ul>$cards</ul>
$notes
$pictures
<h2>In numbers</h2>
<table>$table</table>
</body></html>
""")


def report_figures(
    report: KeypointReport, keypoints: Keypoints, read: ReadPicture
) -> dict[str, Figure]:
    """Draw those of ``FIGURES`` that the annotations and the photographs at hand allow.

    Args:
        keypoints: What the report is about.
        read: Gives an image by its name in the store.
    """
    figures = {}
    if not math.isnan(report.figures()["pckh50"]):
        figures["pckh"] = pckh_figure(report)
    if report.precision_recall:
        figures["precision_recall"] = precision_recall_figure(report)
    figures["joints"] = joints_figure(report)
    if sheets := worst_sheets(report, keypoints, read):
        figures["worst"] = sheets[0]
    return figures


def worst_sheets(
    report: KeypointReport, keypoints: Keypoints, read: ReadPicture, *, per_sheet: int = MOST_WORST
) -> list[Figure]:
    """Draw the worst images whose photograph is at hand, some to a sheet."""
    row_of = {name: row for row, name in enumerate(keypoints.filename)}
    shown = [
        ShownImage(match, picture, keypoints.people(row_of[match.filename]))
        for match in report.worst(MOST_WORST)
        if (picture := read(match.filename)) is not None
    ]
    return [
        worst_figure(shown[first : first + per_sheet], keypoints.skeleton, report.scored)
        for first in range(0, len(shown), per_sheet)
    ]


def report_page(
    report: KeypointReport, title: str, notes: Sequence[str], pictures: Mapping[str, bytes]
) -> str:
    """Return a page that needs nothing else: the figures in numbers, a table, and pictures.

    Args:
        notes: What is to be known about the figures, see ``report_notes``.
        pictures: PNG of each of ``FIGURES`` that there is.
    """
    figures = report.figures()
    shown = [
        (label, figures[name]) for name, label in _CARDS.items() if not math.isnan(figures[name])
    ]
    cards = "".join(f"<li><b>{_number(value)}</b> {label}</li>" for label, value in shown)
    images = "".join(
        f'<h2>{FIGURES[name]}</h2><img alt="{FIGURES[name]}" '
        f'src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
        for name, picture in pictures.items()
    )
    return _PAGE.substitute(
        title=escape(title),
        cards=cards,
        notes="".join(f"<p>{escape(note)}</p>" for note in notes),
        pictures=images,
        table=_joints_table(report),
    )


def report_notes(report: KeypointReport) -> list[str]:
    """Say what a reader of the figures should know about them."""
    kinds = ", ".join(map(words, kinds_of_joints(report.scored.joints)))
    said = [f"Scored are {len(report.scored)} joints that both have, of these kinds: {kinds}."]
    if report.head_sizes_measured:
        said.append(
            f"{report.head_sizes_measured} of {report.people} people have no annotated head size; "
            f"theirs is {HEAD_OF_SEGMENT} times the distance from head top to upper neck."
        )
    if math.isnan(report.figures()["pckh50"]):
        said.append("No PCKh: no head size is annotated.")
    if not report.precision_recall:
        said.append("No OKS: the annotations lack areas of people.")
    if report.false_positives:
        said.append(
            f"Found without an annotated person: {report.false_positives}; they are wrong, or "
            "nobody annotated them."
        )
    if report.images_missing:
        names = ", ".join(report.images_missing[:_MOST_NAMES])
        more = " ..." if len(report.images_missing) > _MOST_NAMES else ""
        said.append(
            f"{len(report.images_missing)} annotated images are not in the store and do not "
            f"count: {names}{more}"
        )
    return said


def _joints_table(report: KeypointReport) -> str:
    head = ("joint", "annotated", "found", "PCKh@0.5", "PCKh AUC", "OKS similarity")
    of_joint = {joint.joint: joint for joint in report.per_joint}
    rows = [
        (words(name), *(_number(value) for value in astuple(of_joint[name])[1:]))
        for name in in_body_order(of_joint)
    ]
    cells = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    titles = "".join(f"<th>{title}</th>" for title in head)
    return f"<tr>{titles}</tr>" + "".join(f"<tr>{row}</tr>" for row in cells)


def _number(value: int | float) -> str:
    if isinstance(value, int):
        return str(value)
    return "–" if math.isnan(value) else f"{value:.3f}"
