"""A data set of three images with its lists, as mani prepare writes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 24, 40


def entries(*names, label=True):
    return [{"image": f"images/{n}.png"} | ({"label": f"labels/{n}.png"} if label else {}) for n in names]


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def one_line(error):
    return "\n" not in str(error.value)


def made_data(tmp_path: Path) -> Path:
    """A folder of one data set, "mine", of the images a, b, c."""
    folder = tmp_path / "data" / "mine"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for name in "abc":
        Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(folder / "images" / f"{name}.png")
        Image.fromarray(np.ones((HEIGHT, WIDTH), np.uint16)).save(folder / "labels" / f"{name}.png")
    write(folder / "dataset.json", {})
    parts = {"validation": entries("b"), "test": entries("c")}
    for split in ("split_0", "fold_3"):
        write(folder / f"source_{split}.json", {"training": entries("a"), **parts})
        write(folder / f"target_{split}.json", {"training": entries("a", label=False), **parts})
    return tmp_path / "data"
