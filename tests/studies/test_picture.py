"""The comparison picture, pixel by pixel where it matters."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mani_monai.utils import InputError
from studies.picture import EXTRA, GAP, MISSED, RIGHT, TRUTH, draw_comparison, judged


@pytest.fixture
def files(tmp_path):
    image, label, mask = (tmp_path / name for name in ("image.png", "label.png", "mask.png"))
    Image.new("RGB", (30, 20), "grey").save(image)
    ids = np.zeros((20, 30), np.uint16)
    ids[5:15, 5:15] = 3
    Image.fromarray(ids).save(label)
    Image.fromarray(np.fliplr(ids > 0).astype(np.uint8) * 255).save(mask)
    return image, label, mask


def test_columns_stand_side_by_side(files, tmp_path):
    image, label, mask = files
    draw_comparison([image], [label], {"mani": [mask]}, tmp_path / "out.png")
    picture = np.asarray(Image.open(tmp_path / "out.png"))
    assert picture.shape == (20 + GAP + 30, 3 * 30 + 2 * GAP, 3)
    panel = picture[30 : 30 + 20]
    assert tuple(panel[5, 30 + GAP + 8]) == TRUTH
    run = panel[:, 2 * (30 + GAP) :].astype(int)
    assert run[10, 7].argmax() == 2, "missed"
    assert run[10, 30 - 1 - 7].argmax() == 0, "extra"
    assert tuple(run[2, 15]) == (128, 128, 128)
    assert tuple(panel[5, 8]) == (128, 128, 128)


def test_a_missing_or_turned_mask_is_named(files, tmp_path):
    image, label, mask = files
    with pytest.raises(InputError, match=r"none\.png: no such mask"):
        draw_comparison([image], [label], {"mani": [tmp_path / "none.png"]}, tmp_path / "out.png")
    Image.open(mask).transpose(Image.Transpose.TRANSPOSE).save(mask)
    with pytest.raises(InputError, match=r"mask\.png: is \(30, 20\), its image \(20, 30\)"):
        draw_comparison([image], [label], {"mani": [mask]}, tmp_path / "out.png")


def test_a_prediction_is_tinted_by_what_is_right():
    mask, truth = np.array([[1, 1, 0, 0]], bool), np.array([[1, 0, 1, 0]], bool)
    drawn = judged(np.full((1, 4, 3), 100, np.uint8), mask, truth, 1.0)
    assert [tuple(pixel) for pixel in drawn[0]] == [RIGHT, EXTRA, MISSED, (100, 100, 100)]
    half = judged(np.full((1, 4, 3), 100, np.uint8), mask, truth, 0.5)
    assert tuple(half[0, 1]) == (165, 50, 50)


def test_the_middle_is_drawn_larger(files, tmp_path):
    image, label, mask = files
    draw_comparison([image], [label], {"mani": [mask]}, tmp_path / "out.png", zoom=2, edge=10)
    assert np.asarray(Image.open(tmp_path / "out.png")).shape == (2 * (10 + GAP) + 30, 2 * (3 * 10 + 2 * GAP), 3)
