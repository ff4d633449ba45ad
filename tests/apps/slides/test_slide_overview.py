"""A slide at a glance: its density of nuclei, and the bar that tells what the colours stand for."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from shapely import box

from mani_monai.apps.slides import slide_overview
from mani_monai.apps.slides.slide import Slide
from mani_monai.apps.slides.slide_levels import PictureLevels
from mani_monai.apps.slides.slide_overview import Density, write_overview
from mani_monai.data.pixel_size import PixelSize

GLASS = 255


@pytest.fixture
def slide(tmp_path) -> Slide:
    """2,000 x 1,600 pixels of 0.25 um: 10 x 8 squares of 50 um, white all over."""
    return Slide(
        tmp_path / "a.png", PictureLevels(np.full((2000, 1600, 3), GLASS, np.uint8)), PixelSize(0.25, "header")
    )


@pytest.fixture
def texts(monkeypatch) -> list[str]:
    """What is written into pictures."""
    found: list[str] = []
    text = ImageDraw.ImageDraw.text

    def noted(self, place, words, *args, **options):
        found.append(words)
        return text(self, place, words, *args, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", noted)
    return found


def sheet_of(slide: Slide, density: Density, path) -> np.ndarray:
    write_overview(path, slide, box(0, 0, 1600, 2000), density, "a.png: nuclei")
    return np.asarray(Image.open(path)).astype(int)


def test_a_bar_tells_what_the_colours_stand_for(slide, texts, tmp_path, monkeypatch):
    """Five nuclei in each square of 50 x 50 um are 2,000 a mm2, the darkest colour, everywhere."""
    density = Density(slide)
    y, x = (side.ravel() * 200 + 100 for side in np.mgrid[:10, :8])
    for _ in range(5):
        density.add(x, y)
    monkeypatch.setattr(slide_overview.ndimage, "gaussian_filter", lambda values, sigma: values)
    sheet = sheet_of(slide, density, tmp_path / "overview.jpg")
    assert texts == ["a.png: nuclei", "0", "2,000 or more nuclei per mm2"]

    height, width = 1024, 819
    darkest = np.round(255 - 0.65 * (255 - np.array([128, 0, 38])))
    np.testing.assert_allclose(sheet[500, width + 8 + 400], darkest, atol=4)
    bar = sheet[height + 28 : height + 38]
    lightest_first = bar[5, 30:175].sum(axis=1)
    filled = np.flatnonzero(np.abs(bar[5] - darkest).max(axis=1) < 16)
    assert len(filled), "the bar ends with the darkest colour of the picture"
    end = filled[-1]
    np.testing.assert_allclose(bar[5, end - 158], GLASS, atol=6)
    middle = bar[5, end - 80]
    np.testing.assert_allclose(middle, 255 - 0.65 * (255 - np.array([247, 117, 54])), atol=8)
    assert lightest_first[10] > lightest_first[-20]


def test_a_slide_without_nuclei_has_no_bar(slide, texts, tmp_path):
    sheet = sheet_of(slide, Density(slide), tmp_path / "overview.jpg")
    assert texts == ["a.png: nuclei"]
    assert (sheet[1024 + 28 : 1024 + 38] > 245).all()
