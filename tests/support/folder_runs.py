"""What tests of a folder run share: options, the sizes of their images, and how a summary is read."""

from __future__ import annotations

import csv
from pathlib import Path

SIZES = {"square.png": (64, 64), "wide.tif": (70, 141), "tall.jpg": (133, 66), "small.png": (9, 5)}
OPTIONS = {"precision": "float32", "device": "cpu", "progress": False}


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
