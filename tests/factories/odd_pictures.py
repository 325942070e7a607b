"""A folder of all kinds of image files that people have, made from one photograph of a person."""

import shutil
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pose_lib.datasets.sample import sample_images

PERSON = "demo_kick.jpg"
SHOW_THE_PERSON = {
    *("alpha.png", "cmyk.jpg", "deep.png", "grey.png", "turned.jpg"),
    *("same.jpg", "same.png", "sub folder/same.jpg", "Fotos von Zoë/ÄÖÜ 写真.jpg"),
}
SHOW_NOBODY = {"one pixel.png", "wide.png"}
UNREADABLE = {"cut.jpg", "empty.jpg", "text.jpg"}


def make_odd_pictures(folder: Path) -> None:
    original = sample_images() / PERSON
    for name in ("same.jpg", "sub folder/same.jpg", "Fotos von Zoë/ÄÖÜ 写真.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(original, folder / name)
    _save_in_other_modes(Image.open(original), folder)
    _save_deep(cv2.imread(str(original)), folder / "deep.png")
    Image.new("RGB", (1, 1), "red").save(folder / "one pixel.png")
    Image.new("RGB", (12_000, 24), "grey").save(folder / "wide.png")
    content = original.read_bytes()
    (folder / "cut.jpg").write_bytes(content[: len(content) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("not a picture\n")


def _save_in_other_modes(picture: Image.Image, folder: Path) -> None:
    picture.save(folder / "same.png")
    picture.convert("L").save(folder / "grey.png")
    picture.convert("RGBA").save(folder / "alpha.png")
    picture.convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees clockwise to see it upright
    turned.save(folder / "turned.jpg", quality=95, exif=exif)


def _save_deep(picture: np.ndarray, path: Path) -> None:
    cv2.imwrite(str(path), picture.astype(np.uint16) * 257)
