"""What tests of a folder run share: options, the sizes of their images, and how a summary is read."""

from __future__ import annotations

import csv
from pathlib import Path

from exports import picture
from PIL import Image

SIZES = {"square.png": (64, 64), "wide.tif": (70, 141), "tall.jpg": (133, 66), "small.png": (9, 5)}
OPTIONS = {"precision": "float32", "device": "cpu", "progress": False}


def draw_images(folder: Path) -> Path:
    """Writes images of ``SIZES`` and a text into a new folder, which it returns."""
    folder.mkdir()
    for seed, (name, size) in enumerate(SIZES.items()):
        Image.fromarray(picture(*size, seed)).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
