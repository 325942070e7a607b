"""The formats that other programs read, by name."""

from enum import StrEnum


class ExportFormat(StrEnum):
    """What other programs read."""

    NPY = "npy"
    OPENPOSE = "openpose"
    COCO = "coco"
    CSV = "csv"
