"""A small data set as a laboratory hands it over, and its preparation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from mani_monai.apps.prepare.preparation import prepare
from mani_monai.apps.prepare.prepared_images import Preparation
from mani_monai.data.readers import Listing, RawMask, Record, read_folder

HEIGHT, WIDTH = 24, 40
TISSUE, NUCLEUS = (230, 170, 200), (90, 60, 150)


def tile(index: int) -> tuple[np.ndarray, np.ndarray]:
    """An image with two nuclei at places of its own, and its binary mask; neither square nor symmetric."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[2 + index : 8 + index, 3:8] = 255
    mask[4:9, 20 + index : 30 + index] = 255
    return np.where(mask[..., None] > 0, NUCLEUS, TISSUE).astype(np.uint8), mask


def listing(raw: Path, masks: bool = True) -> Listing:
    """The images of the folder ``raw``, with or without their masks."""
    return read_folder(raw / "images", raw / "masks" if masks else None)


def build(raw: Path, **options) -> Preparation:
    """Prepares them as the data set "mine", beside ``raw``."""
    options = {"out": raw.parent / "data", "name": "mine", "progress": False} | options
    return prepare(listing(raw), **options)


def listing_of_parts(tmp_path: Path, parts: dict[str, str], types: np.ndarray | None = None) -> Listing:
    """A listing of drawn images that belong to parts of a partition."""
    image, ids = tmp_path / "a.png", np.zeros((20, 20), int)
    ids[3:9, 5:15] = 1
    Image.fromarray(np.where(ids[..., None] > 0, NUCLEUS, TISSUE).astype(np.uint8)).save(image)
    records = tuple(
        Record(
            name, name, image, lambda shape, part=part: RawMask(ids * (part != "empty"), "ids", (), types), part=part
        )
        for name, part in parts.items()
    )
    return Listing("made", records, "none", types=() if types is None else ("round",))


def read(path: Path) -> dict:
    return json.loads(Path(path).read_text())


def hidden(folder: Path) -> list[str]:
    """What an unfinished preparation may leave."""
    return [path.name for path in folder.glob(".*")] if folder.exists() else []
