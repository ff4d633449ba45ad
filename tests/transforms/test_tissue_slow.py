"""What is no tissue, on the data sets: nothing of their nuclei, and what is painted changes nothing beside it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from bundle_files import REPOSITORY
from numpy.typing import NDArray
from PIL import Image
from scipy.io import loadmat

from mani_monai import Model
from mani_monai.transforms.tissue import shown_as_glass, tissue_mask

DATA = Path(os.environ.get("MANI_DATA", REPOSITORY.parent / "shared" / "data"))
TNBC, CONSEP = DATA / "TNBC", DATA / "CoNSeP"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason="no data: set MANI_DATA to their folder")]

PAINTS = {
    "black": (0, 0, 0),
    "border": (30, 28, 34),
    "glass": (255, 255, 255),
    "pen": (15, 25, 120),
    "dark ink": (20, 20, 70),
    "light ink": (90, 120, 200),
    "card": (118, 118, 118),
}
NOISE = 6  # grey values of a sensor


def rgb(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("RGB"))


def tnbc(step: int) -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    paths = sorted(TNBC.glob("TNBC_NucleiSegmentation/Slide_*/*.png"))[::step]
    return [(rgb(p), np.asarray(Image.open(TNBC / "labels_instance" / f"{p.stem}_label.png")) > 0) for p in paths]


def consep(step: int) -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    paths = sorted(CONSEP.glob("*/Images/*.png"))[::step]
    masks = [loadmat(p.parents[1] / "Labels" / f"{p.stem}.mat")["inst_map"] > 0 for p in paths]
    return [(rgb(path), mask) for path, mask in zip(paths, masks, strict=True)]


@pytest.mark.parametrize("pairs", [tnbc, consep])
def test_images_of_a_data_set_stay_as_they_are(pairs):
    lost, changed, nuclei = 0, 0, 0
    for picture, mask in pairs(3):
        tissue = tissue_mask(picture)
        lost, nuclei = lost + int((mask & ~tissue).sum()), nuclei + int(mask.sum())
        changed = max(changed, float((shown_as_glass(picture, tissue) != picture).any(axis=2).mean()))
    assert lost < 0.0005 * nuclei
    assert changed < 0.002


def test_a_painted_quarter_changes_no_dice_beside_it():
    model = Model.open(REPOSITORY / "pretrained" / "mani_unet", "cpu", "float32")
    pairs = tnbc(9)

    def scores(colour: tuple[int, int, int] | None, spread: int = 0) -> float:
        dice = []
        for picture, mask in pairs:
            start, picture = picture.shape[1] * 3 // 4, picture.copy()
            if colour is not None:
                noise = np.random.default_rng(0).normal(0, spread, picture[:, start:].shape)
                picture[:, start:] = np.clip(np.array(colour) + noise, 0, 255)
            maps = model.maps(picture)
            found = maps[1] > maps[0]
            assert colour is None or not found[:, start + 8 :].any()
            found, mask = found[:, : start - 8], mask[:, : start - 8]
            dice.append(2 * (found & mask).sum() / (found.sum() + mask.sum()))
        return float(np.mean(dice))

    plain = scores(None)
    changes = {(name, spread): abs(scores(PAINTS[name], spread) - plain) for name in PAINTS for spread in (0, NOISE)}
    assert {paint: change for paint, change in changes.items() if change >= 0.01} == {}
