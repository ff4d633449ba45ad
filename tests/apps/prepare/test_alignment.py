from dataclasses import replace

import numpy as np
import pytest

from mani_monai.apps.prepare.alignment import alignment, haematoxylin

TISSUE, NUCLEUS = (230, 170, 200), (90, 60, 150)


def draw(height=80, width=120, boxes=((10, 20, 12, 9), (50, 15, 8, 16), (30, 80, 14, 8), (60, 100, 9, 9))):
    nuclei = np.zeros((height, width), bool)
    for top, left, rows, columns in boxes:
        nuclei[top : top + rows, left : left + columns] = True
    return np.where(nuclei[..., None], NUCLEUS, TISSUE).astype(np.uint8), nuclei


def test_haematoxylin_is_the_inverse_of_its_stain_vector():
    stain = np.array([0.65, 0.70, 0.29])  # Ruifrok and Johnston
    density = 0.8 * stain / np.linalg.norm(stain)
    pixel = np.round(256 * 10**-density - 1).astype(np.uint8).reshape(1, 1, 3)
    assert haematoxylin(pixel)[0, 0] == pytest.approx(0.8 * np.linalg.norm(stain) ** -1, abs=0.02)
    assert haematoxylin(np.full((1, 1, 3), 255, np.uint8))[0, 0] == 0


def test_matching_pair():
    image, nuclei = draw()
    fit = alignment(image, nuclei)
    density = haematoxylin(image)
    full = density[nuclei].mean() - density[~nuclei].mean()
    assert fit.contrast == pytest.approx(full, rel=0.05)
    assert fit.shift == (0, 0)
    assert fit.better is None
    assert fit.doubt(3) is None


def test_shifted_mask():
    image, nuclei = draw()
    fit = alignment(image, np.roll(nuclei, (-5, 3), (0, 1)))
    assert fit.shift == (5, -3)
    assert fit.doubt(5) is None
    assert fit.doubt(4) == "the mask fits better moved by 5 rows and -3 columns"


def test_transposed_mask():
    image, nuclei = draw(100, 100, ((10, 60, 12, 9), (50, 15, 8, 16), (30, 80, 14, 8)))
    fit = alignment(image, nuclei.T)
    assert fit.better == "transposed"
    assert "not darker" in fit.doubt(3) or "transposed" in fit.doubt(3)


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud, np.rot90])
def test_turned_mask_is_doubted(turn):
    image, nuclei = draw(100, 100, ((10, 60, 12, 9), (50, 15, 8, 16), (30, 80, 14, 8)))
    fit = alignment(image, np.ascontiguousarray(turn(nuclei)))
    assert fit.better is not None
    assert fit.doubt(100) is not None


def test_inverted_mask():
    image, nuclei = draw()
    fit = alignment(image, ~nuclei)
    assert fit.contrast < 0
    assert fit.doubt(3) == "nuclei cover 96% of the image: the mask may be inverted"
    assert "not darker" in replace(fit, share=0.5).doubt(3)


def test_large_ink_spot_is_no_reason_to_doubt():
    image, nuclei = draw(300, 300, ((10, 260, 12, 9), (50, 215, 8, 16), (30, 180, 14, 8), (240, 250, 9, 9)))
    image[150:, :150] = 20
    assert alignment(image, nuclei).doubt(3) is None


@pytest.mark.parametrize("value", [False, True])
def test_nothing_to_compare(value):
    image, nuclei = draw()
    assert alignment(image, np.full_like(nuclei, value)) is None
